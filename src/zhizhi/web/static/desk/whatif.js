// A slider moves its number and a number its slider; what is sent is the number.
for (const range of document.querySelectorAll("[data-range-for]")) {
  const input = document.getElementById(range.dataset.rangeFor);
  range.addEventListener("input", () => { input.value = range.value; });
  input.addEventListener("input", () => { if (input.value !== "" && !Number.isNaN(Number(input.value))) range.value = input.value; });
}
