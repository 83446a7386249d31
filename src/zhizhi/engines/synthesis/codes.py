"""The code lists of the sample region: the product's code and the words that departments write for it.

The order of a list is the numbering of the arrays in :mod:`zhizhi.engines.synthesis.facts`.
Where 0 means "none", the list starts at 1.
"""

from __future__ import annotations

from typing import Final

Codes = tuple[tuple[str, str], ...]

RELATION: Final[Codes] = (
    ("head", "户主"),
    ("spouse", "配偶"),
    ("child", "子女"),
    ("grandchild", "孙子女"),
    ("parent", "父母"),
    ("other", "其他"),
)
SEX: Final[Codes] = (("female", "女"), ("male", "男"))
MARITAL: Final[Codes] = (("single", "未婚"), ("married", "已婚"), ("widowed", "丧偶"), ("divorced", "离婚"))
CANCEL: Final[Codes] = (("deceased", "死亡"), ("moved-out", "迁出"))
MOVE: Final[Codes] = (("in", "迁入"), ("out", "迁出"))
EMPLOYMENT: Final[Codes] = (("employed", "在职"), ("unemployed", "失业"))
PENSION: Final[Codes] = (("employee", "职工养老"), ("resident", "城乡居民养老"))
DISABILITY: Final[Codes] = (
    ("visual", "视力"),
    ("hearing", "听力"),
    ("speech", "言语"),
    ("physical", "肢体"),
    ("intellectual", "智力"),
    ("mental", "精神"),
    ("multiple", "多重"),
)
GRADE: Final[Codes] = (("1", "一级"), ("2", "二级"), ("3", "三级"), ("4", "四级"))
ILLNESS: Final[Codes] = (
    ("cancer", "恶性肿瘤"),
    ("renal-failure", "终末期肾病"),
    ("severe-mental", "重性精神病"),
    ("organ-transplant", "器官移植术后"),
    ("hemophilia", "血友病"),
    ("leukemia", "白血病"),
    ("other", "其他重大疾病"),
)
CLAIM: Final[Codes] = (("outpatient", "普通门诊"), ("inpatient", "住院"), ("special-disease", "门诊特病"))
STAGE: Final[Codes] = (
    ("preschool", "学前"),
    ("primary", "小学"),
    ("junior", "初中"),
    ("senior", "普通高中"),
    ("vocational", "中等职业"),
    ("college", "高等教育"),
)
SCHOOL_TYPE: Final[Codes] = (("public", "公办"), ("private", "民办"))
SCHOOL_STATUS: Final[Codes] = (("enrolled", "在读"), ("suspended", "休学"), ("dropped-out", "失学"))
UNSAFE: Final[Codes] = (("A", "A级"), ("B", "B级"), ("C", "C级"), ("D", "D级"))
BUSINESS: Final[Codes] = (("individual", "个体工商户"), ("company", "有限责任公司"), ("cooperative", "农民专业合作社"))
BUSINESS_STATUS: Final[Codes] = (("active", "存续"), ("revoked", "吊销"), ("cancelled", "注销"))
INCIDENT: Final[Codes] = (
    ("fire", "火灾"),
    ("flood", "洪涝"),
    ("traffic", "交通事故"),
    ("work", "生产安全事故"),
    ("other", "其他"),
)
HARDSHIP: Final[Codes] = (
    ("dibao", "最低生活保障"),
    ("tekun", "特困人员"),
    ("edge", "最低生活保障边缘家庭"),
    ("expenditure", "支出型困难家庭"),
    ("temporary", "临时救助"),
)


def codes_of(listed: Codes) -> list[str]:
    """Return the product's codes, in order."""
    return [code for code, _ in listed]


def words_of(listed: Codes) -> list[str]:
    """Return the departments' words, in order."""
    return [word for _, word in listed]
