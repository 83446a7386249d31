"""The lake: a folder of Delta tables, one a dataset, with its quarantine, history of loads, rule results and identities."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from zhizhi.backends.duckdb import connect
from zhizhi.backends.faults import lake_fault
from zhizhi.engines.quality.cells import listed, name, text
from zhizhi.exchange.contract import SUFFIX, Contract, read_contract
from zhizhi.kernel.errors import LakeError, NotFoundError, Place

_MARK = "lake.json"
_FORMAT = 1

QUARANTINE = pa.schema(
    [
        ("load", pa.string()),
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("row", pa.int64()),
        ("column", pa.string()),
        ("field", pa.string()),
        ("value", pa.string()),
        ("cipher", pa.string()),
        ("rule", pa.string()),
        ("also", pa.string()),
        ("owner", pa.string()),
        ("raw", pa.string()),
    ]
)
LOADS = pa.schema(
    [
        ("load", pa.string()),
        ("dataset", pa.string()),
        ("file", pa.string()),
        ("file_sha", pa.string()),
        ("contract_sha", pa.string()),
        ("mode", pa.string()),
        ("read", pa.int64()),
        ("good", pa.int64()),
        ("bad", pa.int64()),
        ("version", pa.int64()),
        ("finished_at", pa.timestamp("us", "UTC")),
        ("not_run", pa.int64()),
        ("sequence", pa.int64()),
    ]
)
RESULTS = pa.schema(
    [
        ("load", pa.string()),
        ("dataset", pa.string()),
        ("position", pa.int64()),
        ("rule", pa.string()),
        ("check", pa.string()),
        ("phase", pa.int64()),
        ("severity", pa.string()),
        ("status", pa.string()),
        ("rows", pa.int64()),
        ("named", pa.int64()),
        ("against", pa.string()),
    ]
)
IDENTITIES = pa.schema([("pseudonym", pa.string()), ("kind", pa.string()), ("cipher", pa.string()), ("masked", pa.string())])


#: The file by which a folder of exports, and then the lake, says that its people do not exist.
SYNTHETIC = "SYNTHETIC"


class Lake:
    """One lake on disk. Readers see whole versions only; writers hold ``writing()``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, fingerprint: str = "") -> Lake:
        """Make an empty lake (or open the one that is there). ``fingerprint`` names the key that its identities need."""
        path.mkdir(parents=True, exist_ok=True)
        mark = path / _MARK
        if not mark.exists():
            strangers = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
            if strangers:
                raise LakeError("lake.folder-used", Place(str(path)), seen=strangers[0])
            write_whole(mark, json.dumps({"format": _FORMAT, "key": fingerprint}) + "\n")
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Lake:
        """Open a lake.

        Raises:
            LakeError: the folder is no lake, or one of a later format.
        """
        try:
            mark = json.loads((path / _MARK).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LakeError("lake.none", Place(str(path))) from error
        if mark.get("format") != _FORMAT:
            raise LakeError("lake.format", Place(str(path)), seen=mark.get("format"), known=_FORMAT)
        return cls(path)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the key that the identities were written with."""
        return str(json.loads((self.path / _MARK).read_text(encoding="utf-8")).get("key", ""))

    @property
    def synthetic(self) -> bool:
        """Whether data that calls itself synthetic was loaded; everything shown of such a lake says so."""
        return (self.path / SYNTHETIC).exists()

    def mark_synthetic(self) -> None:
        """Note that synthetic data is in the lake. Nothing takes the mark away."""
        write_whole(self.path / SYNTHETIC, "Synthetic data was loaded into this lake.\n")

    def datasets(self) -> list[str]:
        """Return the names of the datasets that have data, sorted."""
        folder = self.path / "datasets"
        return sorted(entry.name for entry in folder.iterdir() if (entry / "_delta_log").is_dir()) if folder.is_dir() else []

    def versions(self) -> dict[str, int]:
        """Return dataset -> latest version."""
        return {name: self.delta(name).version() for name in self.datasets()}

    def delta(self, dataset: str, version: int | None = None) -> DeltaTable:
        """Return the Delta table of ``dataset`` at ``version`` (latest by default).

        Raises:
            NotFoundError: no such dataset or version.
        """
        return self._table(f"datasets/{dataset}", dataset, version)

    def _table(self, folder: str, name: str, version: int | None = None) -> DeltaTable:
        try:
            return DeltaTable(str(self.path / folder), version=version)
        except TableNotFoundError as error:
            raise NotFoundError("lake.dataset-unknown", dataset=name, known=", ".join(self.datasets()) or "-") from error
        except Exception as error:
            if version is None:
                raise
            raise NotFoundError("lake.version-unknown", dataset=name, version=version) from error

    def files(self, dataset: str, version: int | None = None) -> list[str]:
        """Return the Parquet files of ``dataset`` at ``version``, sorted."""
        return local_files(self.delta(dataset, version))

    def contract(self, dataset: str) -> Contract:
        """Return the contract that the dataset was last loaded under.

        Raises:
            NotFoundError: the lake has none.
        """
        path = self.path / "contracts" / f"{dataset}{SUFFIX}"
        if not path.exists():
            raise NotFoundError("lake.dataset-unknown", dataset=dataset, known=", ".join(self.datasets()) or "-")
        return read_contract(path)

    def keep_contract(self, contract: Contract) -> None:
        """Store a copy of the contract beside the data it explains."""
        write_whole(self.path / "contracts" / f"{contract.dataset}{SUFFIX}", contract.source)

    def changed_keys(self, dataset: str, column: str, old_version: int, new_version: int) -> pa.Array:
        """Return the distinct values of ``column`` in rows that were added, removed or changed between two versions.

        Only the Parquet files that the two versions do not share are read; ``_row`` and ``_source`` do not count as change.
        """
        old, new = set(self.files(dataset, old_version)), set(self.files(dataset, new_version))
        gone, come = sorted(old - new), sorted(new - old)
        if not gone and not come:
            return pa.array([], pa.string())
        names = [field.name for field in self.delta(dataset, new_version).schema().fields]
        before = [field.name for field in self.delta(dataset, old_version).schema().fields]
        fresh = self._loads_between(dataset, old_version, new_version)
        if names != before:
            query = _all_keys(column, gone, come)
        elif fresh is not None:
            query = _touched_keys(column, gone, come, fresh, self.contract(dataset).keys)
        else:
            query = _differing_keys(column, gone, come, [name for name in names if name not in ("_row", "_source")])
        with connect(spill=self.path / "tmp") as connection:
            return connection.sql(query).to_arrow_table().column("k").combine_chunks()

    def _loads_between(self, dataset: str, old_version: int, new_version: int) -> list[str] | None:
        """Return the loads that led from one version to the other if every one of them only added or corrected rows."""
        rows = self.rows("loads", f"dataset = {text(dataset)} AND version > {old_version} AND version <= {new_version}")
        if {row["version"] for row in rows} != set(range(old_version + 1, new_version + 1)):
            return None
        return None if any(row["mode"] == "replace" for row in rows) else sorted({row["load"] for row in rows})

    def rows(self, name: str, where: str = "", columns: str = "*") -> list[dict[str, Any]]:
        """Return the rows of a service table (``loads``, ``results``, ``quarantine``, ``identities``) as plain dicts."""
        if not (self.path / name / "_delta_log").is_dir():
            return []
        files = local_files(self._table(name, name))
        if not files:
            return []
        with connect() as connection:
            condition = f"WHERE {where}" if where else ""
            found = connection.sql(f"SELECT {columns} FROM read_parquet([{listed(files)}]) {condition}").to_arrow_table()
        return list(found.to_pylist())

    def identities(self, pseudonyms: Sequence[str]) -> list[dict[str, Any]]:
        """Return the identity rows of these pseudonyms."""
        if not (self.path / "identities" / "_delta_log").is_dir() or not pseudonyms:
            return []
        with connect() as connection:
            connection.register("wanted", pa.table({"pseudonym": pa.array(pseudonyms, pa.string())}))
            files = local_files(self._table("identities", "identities"))
            query = (
                f"SELECT DISTINCT ON (i.pseudonym) i.* FROM read_parquet([{listed(files)}]) AS i JOIN wanted USING (pseudonym)"
            )
            return list(connection.sql(query).to_arrow_table().to_pylist())

    def service_files(self, name: str) -> list[str]:
        """Return the Parquet files of a service table; none if it does not exist yet."""
        return local_files(self._table(name, name)) if (self.path / name / "_delta_log").is_dir() else []

    def append(self, name: str, rows: pa.Table) -> None:
        """Append rows to a service table."""
        write_deltalake(str(self.path / name), rows, mode="append")

    def rewrite(self, name: str, rows: pa.Table, load: str) -> None:
        """Put ``rows`` in place of those that an earlier, perhaps interrupted, attempt of the same load left."""
        folder = self.path / name
        if (folder / "_delta_log").is_dir():
            write_deltalake(str(folder), rows, mode="overwrite", predicate=f"load = '{load}'")
        else:
            write_deltalake(str(folder), rows, mode="append")

    def commit(self, dataset: str, rows: pa.RecordBatchReader, mode: str, load: str, keys: Sequence[str]) -> int:
        """Make ``rows`` one new version of ``dataset`` and return its number; the load's id goes into the same commit."""
        path = str(self.path / "datasets" / dataset)
        properties = CommitProperties(custom_metadata={"zhizhi_load": load}, app_transactions=[Transaction(load, 1)])
        exists = dataset in self.datasets()
        if mode == "upsert" and exists:
            on = " AND ".join(f't."{key}" = s."{key}"' for key in keys)
            names = [name for name in rows.schema.names if name not in ("_row", "_source")]
            differs = " OR ".join(f'(t."{name}" IS DISTINCT FROM s."{name}")' for name in names)
            merge = DeltaTable(path).merge(rows, on, source_alias="s", target_alias="t", commit_properties=properties)
            merge.when_matched_update_all(differs).when_not_matched_insert_all().execute()
        elif mode == "append" and exists:
            write_deltalake(path, rows, mode="append", commit_properties=properties)
        else:
            write_deltalake(
                path, rows, mode="overwrite", schema_mode="overwrite" if exists else None, commit_properties=properties
            )
        return DeltaTable(path).version()

    def committed(self, dataset: str, load: str, mode: str) -> int | None:
        """Return the version in which ``load`` went into ``dataset`` if it still stands there; None if it has to be done."""
        if dataset not in self.datasets():
            return None
        table = self.delta(dataset)
        if mode == "replace":
            last = table.history(1)[0]
            return table.version() if last.get("zhizhi_load") == load else None
        return table.version() if table.transaction_version(load) is not None else None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lake for writing; the operating system frees it when the process ends, however it ends.

        Raises:
            LakeError: another process is writing, or the disk is full.
        """
        handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.read(handle, 100).decode(errors="replace").strip() or "?"
                raise LakeError("lake.held", Place(str(self.path)), pid=holder) from error
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            try:
                yield
            except Exception as error:  # what was committed before stands; files without a commit are nobody's
                known = lake_fault(error)
                if known is not None:
                    raise known from error
                raise
        finally:
            os.close(handle)


def local_files(table: DeltaTable) -> list[str]:
    """Return the paths of a table's Parquet files, sorted."""
    return sorted(unquote(uri.removeprefix("file://")) for uri in table.file_uris())


def _parquet(files: Sequence[str]) -> str:
    return f"read_parquet([{listed(files)}], union_by_name = true)"


def _all_keys(column: str, gone: Sequence[str], come: Sequence[str]) -> str:
    return f"SELECT DISTINCT {name(column)} AS k FROM {_parquet([*gone, *come])} WHERE {name(column)} IS NOT NULL ORDER BY k"


def _touched_keys(column: str, gone: Sequence[str], come: Sequence[str], loads: Sequence[str], keys: Sequence[str]) -> str:
    """Rows that came or were corrected bear their load's id; what stood in their place is found by the primary key."""
    k = name(column)
    touched = (
        f"SELECT * FROM {_parquet(come)} WHERE _source IN ({listed(loads)})"
        if come
        else f"SELECT * FROM {_parquet(gone)} LIMIT 0"
    )
    parts = [f"SELECT {k} AS k FROM touched"]
    if gone and keys and column not in keys:
        same = " AND ".join(f"g.{name(key)} = t.{name(key)}" for key in keys)
        parts.append(f"SELECT g.{k} FROM {_parquet(gone)} AS g JOIN touched AS t ON {same}")
    return f"WITH touched AS ({touched}) SELECT DISTINCT k FROM ({' UNION ALL '.join(parts)}) WHERE k IS NOT NULL ORDER BY k"


def _differing_keys(column: str, gone: Sequence[str], come: Sequence[str], names: Sequence[str]) -> str:
    """Rows of the files that only one version has, less those that both have with the same content."""
    content = ", ".join(name(item) for item in names)
    parts = [
        f"SELECT {name(column)} AS k, hash({content}) AS h, {sign} AS s FROM {_parquet(files)}"
        for sign, files in ((-1, gone), (1, come))
        if files
    ]
    differing = f"SELECT k, h FROM ({' UNION ALL '.join(parts)}) GROUP BY k, h HAVING sum(s) <> 0"
    return f"SELECT DISTINCT k FROM ({differing}) WHERE k IS NOT NULL ORDER BY k"


def write_whole(path: Path, text: str) -> None:
    """Write a small file so that a reader sees the old or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)
