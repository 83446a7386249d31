"""How each department writes its export: file, form, encoding, and a header of its own for every field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from zhizhi.engines.synthesis import codes
from zhizhi.engines.synthesis.codes import Codes

ISO, SLASHED, COMPACT, CHINESE, DOTTED, MONTH, EXACT = "iso", "slashed", "compact", "chinese", "dotted", "month", "exact"
PROGRAMMES: Final[Codes] = (
    ("dibao", "最低生活保障"), ("tekun", "特困人员救助供养"), ("edge", "最低生活保障边缘家庭"),
    ("expenditure", "支出型困难家庭救助"), ("temporary", "临时救助"),
)  # fmt: skip
ALLOWANCES: Final[Codes] = (("disability-living", "困难残疾人生活补贴"), ("severe-care", "重度残疾人护理补贴"))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export: the dataset's field, the header, and how values are written.

    ``form`` is a form of dates or amounts, a code list, or the factor between the lake's unit and the file's.
    """

    field: str
    header: str
    form: str | Codes | int = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """One export. ``kind`` is csv, xlsx or parquet; ``encoding`` matters for csv only."""

    dataset: str
    stem: str
    columns: tuple[Column, ...]
    kind: str = "csv"
    encoding: str = "utf-8"
    title: str = ""
    totals: tuple[str, ...] = ()

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.stem}.{self.kind}"

    @property
    def first_row(self) -> int:
        """The row of the first record as a spreadsheet shows it: behind the header, and behind the title row of a sheet."""
        return 3 if self.kind == "xlsx" else 2


LAYOUTS: Final[tuple[Layout, ...]] = (
    Layout("population", "公安_常住人口", (
        Column("resident_id", "公民身份号码"), Column("name", "姓名"), Column("household_no", "户号"),
        Column("relation", "与户主关系", codes.RELATION), Column("sex", "性别", codes.SEX),
        Column("birth_date", "出生日期", ISO),
        Column("marital_status", "婚姻状况", codes.MARITAL), Column("hukou_region", "户籍地区划代码"),
        Column("residence_region", "居住地区划代码"), Column("registered_on", "登记日期", SLASHED),
        Column("cancel_reason", "注销原因", codes.CANCEL),
    ), encoding="gb18030"),
    Layout("moves", "公安_迁移变动", (
        Column("resident_id", "公民身份号码"), Column("moved_on", "变动日期", COMPACT), Column("from_region", "迁出地区划"),
        Column("to_region", "迁入地区划"), Column("kind", "变动类型", codes.MOVE),
    ), encoding="gb18030"),
    Layout("aid_register", "民政_救助家庭登记", (
        Column("household_no", "家庭户号"), Column("registered_on", "认定日期", ISO),
        Column("hardship_type", "困难类型", codes.HARDSHIP),
        Column("verified_on", "最近核查日期", ISO),
    ), encoding="utf-8-sig"),
    Layout("aid_recipients", "民政_在享救助", (
        Column("head_id", "户主身份证号"), Column("programme", "救助类型", PROGRAMMES), Column("people", "保障人数"),
        Column("monthly_amount", "月救助金（元）"), Column("since", "享受起始日期", SLASHED),
    ), kind="xlsx", title="在享社会救助家庭花名册（合成数据，2025年8月）", totals=("people", "monthly_amount")),
    Layout("medical_claims", "医保_费用结算", (
        Column("claim_id", "结算流水号"), Column("resident_id", "证件号码"), Column("settled_on", "结算日期", COMPACT),
        Column("total", "医疗总费用", EXACT), Column("fund_paid", "基金支付", EXACT), Column("self_paid", "个人负担", EXACT),
        Column("kind", "结算类型", codes.CLAIM), Column("hospital", "定点医疗机构"),
    ), kind="parquet"),
    Layout("serious_illness", "卫健_重大疾病确诊", (
        Column("resident_id", "患者证件号"), Column("disease", "病种", codes.ILLNESS),
        Column("diagnosed_on", "确诊日期", CHINESE),
    )),
    Layout("disability", "残联_持证残疾人", (
        Column("certificate_no", "残疾人证号"), Column("name", "姓名"), Column("kind", "残疾类别", codes.DISABILITY),
        Column("grade", "残疾等级", codes.GRADE), Column("certified_on", "发证日期", DOTTED),
    ), kind="xlsx", title="持证残疾人名册（合成数据）"),
    Layout("disability_benefits", "残联_两项补贴发放", (
        Column("resident_id", "补贴对象身份证号"), Column("programme", "补贴项目", ALLOWANCES),
        Column("monthly_amount", "月补贴额（元）"),
        Column("since", "起发日期", COMPACT),
    ), encoding="utf-8-sig"),
    Layout("wages", "人社_就业工资", (
        Column("resident_id", "身份证号"), Column("employer_uscc", "用人单位统一社会信用代码"),
        Column("status", "参保状态", codes.EMPLOYMENT),
        Column("wage", "月工资（元）"), Column("previous_wage", "上年度月平均工资（元）"), Column("month", "所属期", MONTH),
        Column("job_ended_on", "终止就业日期", ISO),
    ), encoding="utf-8-sig"),
    Layout("pensions", "人社_养老金发放", (
        Column("resident_id", "社会保障号码"), Column("kind", "养老保险类型", codes.PENSION),
        Column("pension", "月养老金（元）"),
        Column("month", "发放年月", MONTH),
    )),
    Layout("education", "教育_在校学生", (
        Column("resident_id", "学生身份证件号"), Column("stage", "学段", codes.STAGE),
        Column("school_type", "办学性质", codes.SCHOOL_TYPE),
        Column("status", "学籍状态", codes.SCHOOL_STATUS), Column("status_since", "状态起始日期", ISO),
    )),
    Layout("homes", "住建_房屋登记", (
        Column("resident_id", "权利人证件号"), Column("certificate_no", "不动产权证号"), Column("homes", "住房套数"),
        Column("area", "建筑面积（平方米）"), Column("unsafe_grade", "危房鉴定等级", codes.UNSAFE),
    ), encoding="gb18030"),
    Layout("vehicles", "公安_机动车", (
        Column("resident_id", "所有人证件号"), Column("plate", "号牌号码"), Column("price", "购置价（万元）", 10_000),
        Column("registered_on", "初次登记日期", SLASHED),
    )),
    Layout("businesses", "市场监管_经营主体", (
        Column("uscc", "统一社会信用代码"), Column("resident_id", "法定代表人证件号"),
        Column("kind", "主体类型", codes.BUSINESS),
        Column("registered_capital", "注册资本（元）"), Column("status", "登记状态", codes.BUSINESS_STATUS),
    ), kind="xlsx", title="经营主体登记信息（合成数据）"),
    Layout("incidents", "应急_事故灾害", (
        Column("household_no", "受灾家庭户号"), Column("kind", "事件类型", codes.INCIDENT),
        Column("occurred_on", "发生日期", CHINESE),
        Column("loss", "直接经济损失（元）"), Column("injured", "受伤人数"), Column("deaths", "死亡人数"),
    ), encoding="utf-8-sig"),
)  # fmt: skip


def written(column: Column, values: pa.ChunkedArray) -> pa.StringArray:
    """Return ``values`` as the department writes them; null stays null (an empty cell)."""
    array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_date32(array.type):
        return _dates(array, str(column.form))
    if pa.types.is_decimal(array.type):
        if isinstance(column.form, int):
            array = pc.divide(array, pa.scalar(column.form, pa.decimal128(6, 0)))
        return _plain(array.cast(pa.string())) if column.form != EXACT else array.cast(pa.string())
    text = array.cast(pa.string())
    if isinstance(column.form, tuple):
        at = pc.index_in(text, value_set=pa.array(codes.codes_of(column.form)))
        return pc.take(pa.array(codes.words_of(column.form)), at)
    return text


def _plain(text: pa.StringArray) -> pa.StringArray:
    """Drop the zeros behind the point: 1200.50 becomes 1200.5, 1200.00 becomes 1200."""
    return pc.replace_substring_regex(text, pattern=r"\.?0+$", replacement="")


def _dates(days: pa.Array, form: str) -> pa.StringArray:
    iso = days.cast(pa.string())
    if form == COMPACT:
        return pc.replace_substring(iso, "-", "")
    if form == SLASHED:
        return pc.replace_substring(iso, "-", "/")
    if form == DOTTED:
        return pc.replace_substring(iso, "-", ".")
    if form == MONTH:
        return pc.replace_substring(pc.utf8_slice_codeunits(iso, 0, 7), "-", "")
    if form == CHINESE:
        parts = [pc.utf8_slice_codeunits(iso, low, high) for low, high in ((0, 4), (5, 7), (8, 10))]
        return pc.binary_join_element_wise(parts[0], "年", parts[1], "月", parts[2], "日", "")
    return iso
