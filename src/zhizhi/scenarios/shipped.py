"""Where the scenario packages that come with Zhizhi lie: in the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

from zhizhi.kernel.errors import PackageError

_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]


def shipped_folder() -> Path:
    """Return the folder of shipped packages, one folder a package.

    Raises:
        PackageError: ``shipped.none`` when the installation carries none.
    """
    for folder in (_PACKAGE / "_shipped" / "scenarios", _CHECKOUT / "scenarios"):
        if folder.is_dir():
            return folder
    raise PackageError("shipped.none", folder=_PACKAGE)


def shipped_packages() -> dict[str, Path]:
    """Return name -> folder of every shipped package; a package is a folder with a ``needs.yaml``."""
    return {entry.name: entry for entry in sorted(shipped_folder().iterdir()) if (entry / "needs.yaml").is_file()}


def find_package(name: str | Path) -> Path:
    """Return the folder of the package that ``name`` means: a path of the user's, else a shipped package.

    ``scenarios/social-assistance`` and ``social-assistance`` both name the shipped package where no such
    path exists, so that a command copied from the documentation works wherever it is typed.

    Raises:
        PackageError: ``shipped.unknown`` when there is neither.
    """
    path = Path(name)
    if path.is_dir():
        return path
    packages = shipped_packages()
    if path.name in packages and path.parent in (Path(), Path("scenarios")):
        return packages[path.name]
    raise PackageError("shipped.unknown", name=name, known=", ".join(packages))
