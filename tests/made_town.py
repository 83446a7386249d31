"""A town of the shape of three-bridges with other people, faults and edges, and the right answers worked out by hand.

The answers come from the rules in words (README of the departments' data) and Python's `decimal`, never from the product.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

from openpyxl import Workbook

ON = date(2025, 9, 1)
LINE, EDGE, CAR, ALARM = Decimal(1140), Decimal("1.5"), 80_000, 12_000
KINDS = ("视力", "听力", "言语", "肢体", "智力", "精神", "多重")
GRADES = ("一级", "二级", "三级", "四级")
Row = list[str]
Line = tuple[Row, str]  # a line of a file and the rule it breaks, "" for a good one


WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def check_character(body: str) -> str:
    """Return the check character of the 17 digits of a resident id (GB 11643-1999, ISO 7064 MOD 11-2)."""
    return "10X98765432"[sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11]


@dataclass(frozen=True)
class Person:
    """One registration: who, in which household, since when."""

    id: str
    born: date
    household: str
    role: str
    registered: date
    dead: bool


@dataclass
class Facts:
    """What departments know of people, by resident id."""

    wages: dict[str, Decimal | None] = field(default_factory=dict)
    pensions: dict[str, Decimal] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    cars: dict[str, Decimal] = field(default_factory=dict)
    claims: dict[str, list[tuple[date, Decimal]]] = field(default_factory=dict)
    diagnosed: dict[str, date] = field(default_factory=dict)
    grades: dict[str, int] = field(default_factory=dict)


class Town:
    """Draws a town from a seed and writes its ten exports and its answers into a folder."""

    def __init__(self, seed: int, folder: Path, households: int = 120) -> None:
        self.rng, self.folder, self.count = random.Random(seed), folder, households
        self.used: set[str] = set()
        self.bad: list[tuple[str, int, str]] = []
        self.facts = Facts()

    # spelling ------------------------------------------------------------------------------------------------------

    def spelt(self, number: str) -> str:
        wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
        return self.rng.choice([number] * 8 + [wide, number.lower(), f" {number} ", f"{number}\u3000"])

    def day(self, day: date) -> str:
        forms = ("{0:%Y-%m-%d}", "{0:%Y/%m/%d}", "{0:%Y%m%d}", "{0.year}年{0.month}月{0.day}日", "{0.year}.{0.month}.{0.day}")
        return self.rng.choice(forms).format(day)

    def money(self, amount: Decimal) -> str:
        return self.rng.choice([f"{amount:,.2f}", f"￥{amount:,.2f}", f"{amount}", f"¥{amount}"])

    def new_id(self, age: int | None = None) -> tuple[str, date]:
        while True:
            years = self.rng.choice([self.rng.randint(0, 99), self.rng.randint(20, 60)]) if age is None else age
            born = date(2025 - years, 9, 1) + timedelta(days=self.rng.choice([0, 1, -1, -self.rng.randint(2, 364)]))
            body = f"{self.rng.choice(['330106', '330110', '340825'])}{born:%Y%m%d}{self.rng.randint(1, 999):03d}"
            number = body + check_character(body)
            if number not in self.used and born <= ON:
                self.used.add(number)
                return number, born

    # files ---------------------------------------------------------------------------------------------------------

    def write(self, name: str, header: str, lines: Sequence[Line]) -> None:
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(header.split(","))
        for number, (row, rule) in enumerate(lines, 2):
            writer.writerow(row)
            if rule:
                self.bad.append((name, number, rule))
        (self.folder / name).write_bytes(text.getvalue().encode(self.rng.choice(["utf-8", "utf-8-sig", "gb18030"])))

    def facts_file(self, name: str, header: str, lines: list[Line], strange: Callable[[str], Row]) -> None:
        """Write lines with a stranger somewhere among them and an exact duplicate at the end."""
        lines.insert(self.rng.randint(0, len(lines)), (strange(self.new_id(40)[0]), "unknown person"))
        lines.append((list(self.rng.choice([row for row, rule in lines if not rule])), "duplicate row"))
        self.write(name, header, lines)

    def make(self) -> None:
        """Write everything."""
        people = self.register()
        self.one_value_files(people)
        self.claims(people)
        self.dated_files(people)
        self.sheets(people)
        self.answers(people)

    def register(self) -> list[Person]:
        """Write the register: faults, people in two households, the dead; return the good registrations."""
        rng, lines = self.rng, list[tuple[Person, str]]()
        for index in range(self.count):
            for place in range(rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9])):
                number, born = self.new_id()
                role = "户主" if place == 0 else rng.choice(["配偶", "子女", "父母", "其他", "孙子女"])
                since = date(2000, 1, 1) + timedelta(days=rng.randint(0, 9000))
                lines.append((Person(number, born, f"33010600{5000 + index}", role, since, rng.random() < 0.03), ""))
        households = sorted({person.household for person, _ in lines})
        for person, _ in rng.sample(lines, 8):
            days = rng.choice([-5, 5])
            other = rng.choice([name for name in households if name != person.household])
            claim = replace(person, household=other, registered=person.registered + timedelta(days=days))
            late = "person in two households: earlier registration"
            if days > 0:
                lines = [(item, late if item is person else rule) for item, rule in lines]
            lines.append((claim, "" if days > 0 else late))
        rng.shuffle(lines)
        written = [(self.registration(person), rule) for person, rule in lines]
        written.append((list(next(row for row, rule in written if not rule)), "duplicate row"))
        number, born = self.new_id(30)
        wrong = number[:17] + next(c for c in "0123456789X" if c != number[17])
        stranger = Person(wrong, born, "330106999999", "户主", date(2010, 1, 1), False)
        written.insert(rng.randint(0, len(written)), (self.registration(stranger), "resident id checksum"))
        row = ["330106198502310014", "钱", "330106999002", "户主", "1985-02-31", "330106", "330106001000", "2010/01/01", ""]
        written.append((row, "impossible birth date"))
        header = "公民身份号码,姓名,户号,与户主关系,出生日期,户籍地区划代码,居住地区划代码,登记日期,注销原因"
        self.write("公安_常住人口.csv", header, written)
        return [person for person, rule in lines if not rule]

    def registration(self, p: Person) -> Row:
        since, gone = self.day(p.registered), "死亡" if p.dead else ""
        return [self.spelt(p.id), "张三", p.household, p.role, self.day(p.born), "330106", "330106001000", since, gone]

    def one_value_files(self, people: Sequence[Person]) -> None:
        rng, facts = self.rng, self.facts
        for person in people:
            if rng.random() < 0.45:
                fen = rng.choice([0, rng.randint(100, 9_000) * 100, rng.randint(9_999, 299_999)])
                facts.wages[person.id] = rng.choice([None, Decimal(fen) / 100, Decimal(fen) / 100])
            if rng.random() < 0.3:
                facts.pensions[person.id] = Decimal(rng.choice([130, 255, 1800, 5200]))
            if rng.random() < 0.35:
                facts.homes[person.id] = rng.choice([1, 1, 1, 2, 3])
            if rng.random() < 0.17:
                facts.cars[person.id] = Decimal(rng.choice(["8", "8.00", "8.01", "3.5", "32"]))
        wages: list[Line] = [
            ([self.spelt(i), "在职", "" if v is None else self.money(v) if v else "0", "202508"], "")
            for i, v in facts.wages.items()
        ]
        self.facts_file(
            "人社_就业工资.csv", "身份证号,参保状态,月工资（元）,所属期", wages, lambda i: [i, "在职", "3000", "202508"]
        )
        pensions: list[Line] = [([self.spelt(i), str(v), "2025-08"], "") for i, v in facts.pensions.items()]
        self.facts_file("人社_养老金发放.csv", "公民身份号码,月养老金,发放年月", pensions, lambda i: [i, "300", "2025-08"])
        homes: list[Line] = [([self.spelt(i), str(v)], "") for i, v in facts.homes.items()]
        self.facts_file("住建_房屋登记.csv", "权利人证件号,房屋套数", homes, lambda i: [i, "1"])
        cars: list[Line] = [([self.spelt(i), str(v)], "") for i, v in facts.cars.items()]
        self.facts_file("公安_机动车.csv", "所有人证件号,购置价（万元）", cars, lambda i: [i, "5"])

    def claims(self, people: Sequence[Person]) -> None:
        rng, lines = self.rng, list[Line]()
        edges = (date(2024, 9, 1), date(2024, 9, 2), date(2025, 8, 31), ON, date(2025, 9, 2))
        for person in people:
            for _ in range(rng.choice([0, 1, 2, 3])):
                day = rng.choice([*edges, date(2024, 1, 1) + timedelta(days=rng.randint(0, 600))])
                own = Decimal(rng.choice([rng.randint(100, 900_000), 1_200_000, 1_200_001, 600_000])) / 100
                self.facts.claims.setdefault(person.id, []).append((day, own))
                lines.append(([self.spelt(person.id), self.day(day), self.money(own * 2), self.money(own), "住院"], ""))
        for rule, day_, own_ in (("impossible date", "20250230", "500.00"), ("negative amount", "20250601", "-500.00")):
            row = [rng.choice(people).id, day_, "1,000.00", own_, "住院"]
            lines.insert(rng.randint(0, len(lines)), (row, rule))
        lines.append(([self.new_id(40)[0], "20250601", "9,000.00", "8,500.00", "住院"], "unknown person"))
        numbered = [([f"YB{number:08d}", *row], rule) for number, (row, rule) in enumerate(lines)]
        self.write("医保_费用结算.csv", "结算流水号,身份证号,结算日期,医疗总费用,个人负担,结算类型", numbered)

    def dated_files(self, people: Sequence[Person]) -> None:
        rng = self.rng
        for person in people:
            if rng.random() < 0.08:
                self.facts.diagnosed[person.id] = ON - timedelta(days=rng.choice([89, 90, 91, 0, rng.randint(0, 300)]))
        ill: list[Line] = [([self.spelt(i), "恶性肿瘤", self.day(d)], "") for i, d in self.facts.diagnosed.items()]
        self.facts_file("卫健_重大疾病确诊.csv", "证件号码,病种,确诊日期", ill, lambda i: [i, "恶性肿瘤", "2025-08-01"])
        pupils: list[Line] = [([self.spelt(p.id), rng.choice(["小学", "初中", "高中"])], "") for p in people[::9]]
        self.facts_file("教育_在校学生.csv", "身份证件号,学段", pupils, lambda i: [i, "小学"])

    def sheets(self, people: Sequence[Person]) -> None:
        rng, book = self.rng, Workbook()
        book.active.append(["残疾人证号", "姓名", "残疾类别", "残疾等级", "发证日期"])
        for person in people:
            if rng.random() < 0.1:
                grade, kind = rng.randint(1, 4), rng.randint(1, 7)
                self.facts.grades[person.id] = grade
                number = f"{person.id}{kind}{grade}"
                book.active.append(
                    [rng.choice([number, number.lower()]), "张", KINDS[kind - 1], GRADES[grade - 1], date(2020, 1, 1)]
                )
        book.active.append(["合计", "", len(self.facts.grades), "", ""])
        self.bad.append(("残联_持证残疾人.xlsx", book.active.max_row, "total row, not data"))
        book.save(self.folder / "残联_持证残疾人.xlsx")
        self.receiving, book = set[str](), Workbook()
        book.active.append(["西湖区在享最低生活保障家庭名册（2025年8月）"])
        book.active.append(["序号", "户主身份证", "户主姓名", "保障人数", "月保障金额（元）", "起始年月"])
        for person in people:
            if person.role == "户主" and not person.dead and rng.random() < 0.2:
                self.receiving.add(person.household)
                book.active.append([len(self.receiving), self.spelt(person.id), "张", 2, "￥1,140.00", "2022年11月"])
        book.active.append(["合计", "", "", 2 * len(self.receiving), "", ""])
        self.bad.append(("民政_在享低保家庭.xlsx", book.active.max_row, "total row, not data"))
        book.save(self.folder / "民政_在享低保家庭.xlsx")

    # the right answers ---------------------------------------------------------------------------------------------

    def answers(self, people: Sequence[Person]) -> None:
        """Work out ``decisions`` (subject, policy) -> (decision, amount, missing) and ``findings`` (household, finding)."""
        self.decisions: dict[tuple[str, str], tuple[str, Decimal | None, str]] = {}
        self.findings: set[tuple[str, str]] = set()
        members: dict[str, list[Person]] = {}
        for person in people:
            if not person.dead:
                members.setdefault(person.household, []).append(person)
        for household, listed in members.items():
            self.household_answers(household, listed)

    def household_answers(self, household: str, listed: Sequence[Person]) -> None:
        facts, ids = self.facts, [person.id for person in listed]
        lacking = any(i in facts.wages and facts.wages[i] is None for i in ids)
        income = sum((facts.wages.get(i) or Decimal(0)) + facts.pensions.get(i, Decimal(0)) for i in ids)
        each = income / len(ids)

        def below(limit: Decimal) -> bool | None:
            return False if each >= limit else None if lacking else True

        def at_least(limit: Decimal) -> bool | None:
            return True if each >= limit else None if lacking else False

        homes = sum(facts.homes.get(i, 0) for i in ids) <= 2
        cheap = all(facts.cars.get(i, Decimal(0)) * 10_000 <= CAR for i in ids)
        spent = sum(own for i in ids for day, own in facts.claims.get(i, []) if date(2024, 9, 1) < day <= ON)
        dibao = self.decide(household, "dibao", below(LINE), homes, cheap)
        if dibao == "eligible":
            amount = ((LINE - each) * len(ids)).to_integral_value(ROUND_CEILING)
            self.decisions[household, "dibao"] = (dibao, amount, "")
            if household not in self.receiving:
                self.findings.add((household, "missed"))
        elif dibao == "not eligible" and household in self.receiving:
            self.findings.add((household, "leaking"))
        self.decide(household, "edge", at_least(LINE), below(LINE * EDGE), homes, cheap)
        self.decide(household, "medical", spent > ALARM, below(2 * LINE))
        for person in listed:
            grade, ill = facts.grades.get(person.id, 0), facts.diagnosed.get(person.id)
            self.decide(person.id, "severe-care", grade in (1, 2))
            self.decide(person.id, "disability-living", grade >= 1, below(LINE * EDGE))
            self.decide(person.id, "illness-warning", ill is not None and (ON - ill).days <= 90, below(2 * LINE))
            age = ON.year - person.born.year - ((ON.month, ON.day) < (person.born.month, person.born.day))
            if self.decide(person.id, "old-age", age >= 80) == "eligible":
                grant = Decimal(50 if age < 90 else 200 if age < 100 else 800)
                self.decisions[person.id, "old-age"] = ("eligible", grant, "")

    def decide(self, subject: str, policy: str, *conditions: bool | None) -> str:
        """Note and return the decision: a false decides, then an unknown, which here always lacks a wage."""
        word = "not eligible" if False in conditions else "unknown" if None in conditions else "eligible"
        self.decisions[subject, policy] = (word, None, "wage" if word == "unknown" else "")
        return word
