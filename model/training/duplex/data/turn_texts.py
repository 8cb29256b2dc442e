"""Longer turns to speak, with the places where a person would stop and think.

``|`` in a text marks such a place. Knows neither sound nor time. Plain complete sentences come
from ``texts``; this makes the forms with a structure of their own: lists, numbers, corrections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PAUSE_MARK = "|"

_DIGITS = ("oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_MANDARIN_DIGITS = "零一二三四五六七八九"
_LETTERS = tuple("ABCDEFGHJKLMNPQRSTUVWXYZ")
_STREETS = ("Oak Street", "Maple Avenue", "King's Road", "Station Road", "Park Lane", "Mill Lane")
_CITIES = ("Boston", "Leeds", "Chicago", "Dublin", "Denver", "Oxford", "Toronto", "Seattle")
_THINGS = (
    "milk", "eggs", "bread", "two onions", "some rice", "olive oil", "a lemon", "butter",
    "apples", "a bag of flour", "chicken", "tomatoes", "coffee", "toilet paper", "soap",
    "batteries",
)  # fmt: skip
_LISTS = (
    "Add {0}, to my shopping list", "Please put {0} on the list", "We still need {0}",
    "For the trip I packed {0}", "Could you order {0}", "I bought {0}",
)  # fmt: skip
_WHO = ("my sister", "the dentist", "Doctor Miller", "Anna", "my boss", "the landlord", "Tom")
_WHEN = ("tomorrow morning", "on Thursday", "next week", "at half past six", "tonight", "in May")
_WHAT = ("call", "write to", "meet", "ask", "visit", "thank")
_FOODS = ("pizza", "soup", "a salad", "noodles", "fish", "pancakes", "curry")
_FILLERS = ("um,", "uh,", "er,", "well,", "you know,", "let me think,", "I mean,", "hmm,")

_HESITANT = (
    "I'd like to, | {f} | {what} {who} {when}.",
    "Can you tell me, | {f} | how far it is to {city}?",
    "{F} | what was I going to say, | remind me to {what} {who}.",
    "I was thinking | that maybe we could, | {f} | go to {city} {when}.",
    "So | {f} | what's the | what's the weather like in {city}?",
    "I need a | {f} | a table for two {when}.",
    "How do you make, | {f} | {food}?",
    "The thing is, | {f} | I don't really know | if {who} is coming.",
    "It was in, | {f} | in {city}, | I think.",
    "Send a message to | {f} | {who} | and say that I'm late.",
)
_CORRECTIONS = (
    "Set the alarm for seven, | no wait, | for eight o'clock.",
    "I want to go to {city}, | sorry, | I mean to {city2}.",
    "Remind me {when}, | no, actually, | {when2}.",
    "Call {who}, | or no, | call {who2} instead.",
    "I'd like {food}, | or rather | {food2}, please.",
    "Turn on the, | no, turn off the | light in the kitchen.",
    "What's the, | I mean, | who is the president of France?",
)
_PLAIN = (
    "Could you remind me to {what} {who} {when}?", "What's the weather like in {city} {when}?",
    "I want to cook {food} for {who} {when}.",
    "How long does it take to drive from {city} to {city2}?",
    "Tell me something interesting about {city}.",
    "I have to {what} {who} before I go to {city}.",
    "Is there a good place for {food} near {city}?", "Book a table for {who} and me {when}.",
    "When does the next train to {city} leave?",
    "I think {who} would rather have {food} than {food2}.",
    "If it rains {when} we will stay at home and make {food}.",
    "Send {who} a message and say that I will be in {city} {when}.",
    "Put a meeting with {who} in my calendar {when}.",
    "Do you know whether {who} lives in {city}?",
    "My brother moved to {city} because he found a job there.",
    "Play the song that {who} sent me.",
)  # fmt: skip
_STORIES = (
    "We went to {city} last year. | It was really nice. | Do you know a good hotel there?",
    "I talked to {who}. | She said it's fine. | So let's do it {when}.",
    "I don't like {food}. | What else can I cook? | Something quick, please.",
    "It's cold in here. | Can you turn up the heating?",
    "I have a question. | How do I get from {city} to {city2}?",
    "My phone is broken. | I need to {what} {who}. | What should I do?",
)  # fmt: skip

_MANDARIN = (
    "我想订一张|明天去北京的|火车票。", "请帮我查一下|今天下午的天气。",
    "你能不能告诉我|附近哪里有|好吃的餐厅？", "我昨天去了超市，|买了苹果、|牛奶|和面包。",
    "提醒我|明天早上八点|给妈妈打电话。", "我觉得|这个办法|可能不太好。",
    "如果明天下雨，|我们就|在家里看电影吧。", "他说|他已经到了|火车站。",
    "我想听|一首|安静的歌。", "从上海到北京|要坐|多长时间的飞机？",
    "因为今天太累了，|所以我想|早点睡觉。", "这个周末|你有什么|好的建议吗？",
    "帮我给老师|发一条短信，|说我今天|不能去上课。", "我的爷爷|住在|一个很小的村子里。",
    "请把客厅的灯|关掉。", "你知道|世界上最高的山|是哪一座吗？",
    "我要一杯咖啡|和两个|鸡蛋三明治。", "那个，|我想问一下|图书馆|几点关门？",
    "呃，|就是|我的手机|打不开了。", "我们先去吃饭，|然后|再去看朋友。",
    "今天的会议|改到了|星期四下午。", "请你|再说一遍|地址。", "虽然很贵，|但是|质量很好。",
    "明天的闹钟|帮我定在|六点半。", "我不知道|应该选|哪一个。",
    "麻烦你|告诉我|怎么去|人民公园。",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TurnText:
    """What to say.

    Attributes:
        kind: plain, hesitant, list, numbers, correction or story.
        text: with ``PAUSE_MARK`` where the speaker may stop.
    """

    kind: str
    text: str
    language: str

    @property
    def plain(self) -> str:
        """Without the marks."""
        return " ".join(self.text.replace(PAUSE_MARK, " ").split()) if self.is_spaced else (
            self.text.replace(PAUSE_MARK, "")
        )  # fmt: skip

    @property
    def is_spaced(self) -> bool:
        return self.language != "zh"

    @property
    def pieces(self) -> tuple[str, ...]:
        return tuple(piece.strip() for piece in self.text.split(PAUSE_MARK) if piece.strip())


def _pick(rng: np.random.Generator, items: tuple[str, ...] | list[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _filled(template: str, rng: np.random.Generator) -> str:
    filler = _pick(rng, _FILLERS)
    return template.format(
        f=filler,
        F=filler[0].upper() + filler[1:],
        who=_pick(rng, _WHO), who2=_pick(rng, _WHO),
        what=_pick(rng, _WHAT),
        when=_pick(rng, _WHEN), when2=_pick(rng, _WHEN),
        city=_pick(rng, _CITIES), city2=_pick(rng, _CITIES),
        food=_pick(rng, _FOODS), food2=_pick(rng, _FOODS),
    )  # fmt: skip


def _listed(rng: np.random.Generator) -> str:
    n = int(rng.integers(3, 6))
    things = [str(thing) for thing in rng.choice(_THINGS, n, replace=False)]
    items = f", {PAUSE_MARK} ".join(things[:-1]) + f", {PAUSE_MARK} and {things[-1]}"
    return _pick(rng, _LISTS).format(items).replace(", to", " to") + "."


def _digits(rng: np.random.Generator, n: int) -> str:
    return " ".join(_pick(rng, _DIGITS) for _ in range(n))


def _telephone(rng: np.random.Generator) -> str:
    groups = (3, 3, 4) if rng.random() < 0.6 else (4, 3, 3)
    spoken = f", {PAUSE_MARK} ".join(_digits(rng, n) for n in groups)
    lead = ("My number is", "You can reach me at", "Please call", "The number is", "It's")
    return f"{_pick(rng, lead)} {PAUSE_MARK} {spoken}."


def _address(rng: np.random.Generator) -> str:
    house = " ".join(_pick(rng, _DIGITS[1:]) for _ in range(int(rng.integers(1, 4))))
    lead = ("I live at", "The address is", "Send it to", "Take me to")
    street, city = _pick(rng, _STREETS), _pick(rng, _CITIES)
    apartment = f", {PAUSE_MARK} apartment {_digits(rng, 2)}" if rng.random() < 0.5 else ""
    return f"{_pick(rng, lead)} {PAUSE_MARK} {house} {street}{apartment}, {PAUSE_MARK} {city}."


def _code(rng: np.random.Generator) -> str:
    letters = " ".join(_pick(rng, _LETTERS) for _ in range(3))
    lead = ("The booking code is", "It's spelled", "My order number is", "The password is")
    return f"{_pick(rng, lead)} {PAUSE_MARK} {letters}, {PAUSE_MARK} {_digits(rng, 3)}."


def _card(rng: np.random.Generator) -> str:
    groups = f", {PAUSE_MARK} ".join(_digits(rng, 4) for _ in range(3))
    return f"The card number is {PAUSE_MARK} {groups}."


def _mandarin_number(rng: np.random.Generator) -> str:
    digits = ["".join(_pick(rng, list(_MANDARIN_DIGITS)) for _ in range(n)) for n in (3, 4, 4)]
    return (
        f"我的电话号码是{PAUSE_MARK}{digits[0]}，{PAUSE_MARK}{digits[1]}，{PAUSE_MARK}{digits[2]}。"
    )


def _numbers(rng: np.random.Generator) -> str:
    makers: tuple[Callable[[np.random.Generator], str], ...] = (
        _telephone, _telephone, _address, _code, _card,
    )  # fmt: skip
    return makers[int(rng.integers(len(makers)))](rng)


def turn_text(kind: str, language: str, rng: np.random.Generator) -> TurnText:
    """Makes one up; Mandarin knows "numbers" and one mixed kind for all others."""
    if language == "zh":
        text = _mandarin_number(rng) if kind == "numbers" else _pick(rng, _MANDARIN)
        return TurnText(kind, text, language)
    match kind:
        case "hesitant":
            text = _filled(_pick(rng, _HESITANT), rng)
        case "correction":
            text = _filled(_pick(rng, _CORRECTIONS), rng)
        case "story":
            text = _filled(_pick(rng, _STORIES), rng)
        case "list":
            text = _listed(rng)
        case "numbers":
            text = _numbers(rng)
        case _:
            text = _filled(_pick(rng, _PLAIN), rng)
    return TurnText(kind, text, language)
