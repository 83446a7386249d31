"""A town of a few made-up people in two files, to be spoilt in every way a test needs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from zhizhi.backends.lake import Lake
from zhizhi.backends.loading import Loader
from zhizhi.backends.loading_folder import Outcome, load_folder, match_files, open_for_loading
from zhizhi.exchange.contract import read_contracts
from zhizhi.kernel.identifiers import resident_id_check

NOW = datetime(2025, 9, 1, tzinfo=UTC)
HEADER = "身份证号,姓名,户号,出生日期,登记日期"

_HEAD = """apiVersion: v3.1.0
kind: DataContract
id: {id}
name: {title}
version: 1.0.0
status: active
customProperties:
  - {{property: zhizhi, value: {{title: {{zh: {title}, en: {id}}}, owner: {{id: {owner}, zh: 甲局, en: Bureau}},
     load: {mode}, update: monthly, ignore: [序号]}}}}
schema:
  - name: {id}
    physicalName: {file}
    physicalType: file
    logicalType: object
"""
_PERSON = """{{name: resident_id, physicalName: 身份证号, logicalType: string, required: true, primaryKey: {key},
         classification: L4,
         customProperties: [{{property: zhizhi, value: {{title: {{zh: 身份证号, en: Id}}, identifier: person,
          format: resident-id{extra}}}}}]}}"""


def person(number: int, born: str = "19800101") -> str:
    """Return a made-up resident id with a right checksum."""
    digits = f"330106{born}{number:03}"
    return digits + resident_id_check(digits)


def write_contracts(folder: Path, mode: str = "replace", fifteen: str = "reject") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    extra = f", fifteen: {fifteen}"
    people = (
        _HEAD.format(id="population", title="人口", owner="public-security", mode="replace", file="人口")
        + f"""    properties:
      - {_PERSON.format(key="true", extra=extra)}
      - {{name: name, physicalName: 姓名, logicalType: string, classification: L3,
         customProperties: [{{property: zhizhi, value: {{title: {{zh: 姓名, en: Name}}, protect: encrypt}}}}]}}
      - {{name: household_no, physicalName: 户号, logicalType: string, required: true, classification: L3,
         customProperties: [{{property: zhizhi, value: {{title: {{zh: 户号, en: Household}}, identifier: household}}}}]}}
      - {{name: birth_date, physicalName: 出生日期, logicalType: date, classification: L3}}
      - {{name: registered_on, physicalName: 登记日期, logicalType: date, classification: L2}}
    quality:
      - {{name: duplicate row, type: custom, engine: zhizhi, implementation: {{check: duplicate-row}}}}
      - {{name: earlier registration, type: custom, engine: zhizhi,
         implementation: {{check: one-per, fields: [resident_id], keep: latest, by: registered_on}}}}
"""
    )
    wages = (
        _HEAD.format(id="wages", title="工资", owner="human-resources", mode=mode, file="工资")
        + f"""    properties:
      - {_PERSON.format(key="true", extra=extra)}
      - {{name: wage, physicalName: 月工资（元）, logicalType: number, classification: L3,
         customProperties: [{{property: zhizhi, value: {{title: {{zh: 月工资, en: Wage}}, unit: CNY/month, scale: 2}}}}]}}
      - {{name: month, physicalName: 所属期, logicalType: date, classification: L2}}
    quality:
      - {{name: negative amount, type: custom, engine: zhizhi, implementation: {{check: range, fields: [wage], min: 0}}}}
      - {{name: unknown person, type: custom, engine: zhizhi,
         implementation: {{check: reference, fields: [resident_id], to: population.resident_id}}}}
"""
    )
    (folder / "population.odcs.yaml").write_text(people, encoding="utf-8")
    (folder / "wages.odcs.yaml").write_text(wages, encoding="utf-8")
    return folder


def people_text(count: int = 5) -> str:
    lines = [f"{person(n)},赵{n},{n:012},1980-01-01,2010/01/0{n % 9 + 1}" for n in range(count)]
    return "\n".join([HEADER, *lines]) + "\n"


def wages_text(count: int = 5) -> str:
    lines = [f'{person(n)},"{1000 + n:,}.00",202508' for n in range(count)]
    return "\n".join(["身份证号,月工资（元）,所属期", *lines]) + "\n"


class Town:
    """A folder of files, contracts and a lake under ``root``."""

    def __init__(self, root: Path, mode: str = "replace", fifteen: str = "reject") -> None:
        self.root = root
        self.files = root / "files"
        self.files.mkdir()
        self.contracts = write_contracts(root / "contracts", mode, fifteen)
        self.lake_path = root / "lake"
        self.write("人口.csv", people_text())
        self.write("工资.csv", wages_text())

    def write(self, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
        path = self.files / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def load(self, again: bool = False, memory: str = "") -> dict[str, Outcome]:
        """Load the folder; return file name -> outcome."""
        jobs = match_files(self.files, read_contracts(self.contracts)).jobs
        lake, vault = open_for_loading(self.lake_path, self.root / "lake.key", False)
        return {o.path.name: o for o in load_folder(Loader(lake, vault, NOW, memory, again), jobs)}

    @property
    def lake(self) -> Lake:
        return Lake.open(self.lake_path)

    def bad(self) -> list[tuple[str, int, str]]:
        return sorted((row["file"], row["row"], row["rule"]) for row in self.lake.rows("quarantine"))
