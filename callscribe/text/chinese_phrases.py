"""Chinese words with numerals in them that count nothing. Pure."""

import re

from callscribe.text.chinese_numbers import NUMERALS

_NUMERAL = f"[{''.join(sorted(NUMERALS))}]"
_CALENDAR = (
    "(?:周|週|星期|礼拜|禮拜)[一二三四五六]",
    f"(?:正月|腊月|臘月|冬月|农历.月|大年){_NUMERAL}{{1,3}}",
    "初[一二三四五六七八九十]{1,2}(?:十五)?",
    "[双雙]十[一二]",
    "国庆十一",
    "九一八(?=事变)",
    "一二九(?=运动)",
)
_BEGINNING_WITH_ONE = """
    一些 一下 一定 一起 一样 一会 一直 一般 一共 一切 一边 一旦 一点[儿也都点] 一块[儿去来] 一元[化论复] 一元[一二三]次
    一点一[滴点] 一毛不拔 一传十 一目十行 一千零一夜
"""
"""But for 21 of something: 二十一样."""
_BEGINNING_HIGHER = """
    万一 萬一 十分(?![钟鐘之]) 十足 十字 十大 十佳 十堰 十里 十指 十传百 十[二三四五]五规划
    十一(?=假期|长假|黄金周|期间|放假|去旅|去玩|旅游|出游|回家) 十全十美 十有八九 十之八九 十万火急
    十万八千里 十年如一日 十年寒窗 十恶不赦 十拿九稳 十面埋伏 十八般 十八罗汉 十二生肖
"""
"""But for ends of numbers: 三十分, 两万一."""
_ANYWHERE = f"""
    统一 統一 唯一 第一百货 百姓 百里挑一 二元 三元[里桥] 三角[形洲] 五角[大星] 第[二三][方者] 第三世界
    二百五(?!{_NUMERAL}|[块塊元]) 一五一十 三七二十一 (?<![号號码碼是])七七八八 三三两两 九九归一 五十步笑百步 以一当十
    八九不离十 八九不離十 按一按(?!{_NUMERAL}) (?<=[拨撥])一[拨撥](?!{_NUMERAL}) (?<![号號码碼是])三六九等
    (?<!{_NUMERAL})(?<![号號码碼是线線到])(?:一三五|二四六)(?=[上下限休值]|不[上限休])
    女大十八变 二十四节气 三十而立 四十不惑 七十二变 三十六计 三百六十行 [两三]点一线
"""
KEPT = re.compile(
    "|".join(
        (
            *_CALENDAR,
            *_ANYWHERE.split(),
            f"(?<!十)(?:{'|'.join(_BEGINNING_WITH_ONE.split())})",
            f"(?<!{_NUMERAL})(?<![几幾])(?<!{_NUMERAL}[点點])(?:{'|'.join(_BEGINNING_HIGHER.split())})",
        )
    )
)
"""What stays as it was said, also where a number begins or ends beside it: 万一三点到不了, 周三三点半."""
