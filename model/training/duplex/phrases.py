"""What is said over the assistant and in short turns: acknowledgements, commands, single words.

Plain lists; knows neither sound nor time. The words that mark them in a transcript are the
lexicon's; these are written as they are spoken.
"""

from __future__ import annotations

BACKCHANNELS = {
    "en": (
        "Mm-hm.", "Uh-huh.", "Mhm.", "Mm.", "Mmm.", "Hmm.", "Yeah.", "Yeah.", "Yep.", "Yes.",
        "Yup.", "Right.", "Right, right.", "Okay.", "Okay.", "Okay, okay.", "Ok, yeah.",
        "Alright.", "All right.", "I see.", "Oh, I see.", "Oh.", "Oh, okay.", "Ah.",
        "Ah, okay.", "Aha.", "Sure.", "Sure, sure.", "Got it.", "Gotcha.", "Wow.", "Oh wow.",
        "Oh yeah.", "Yeah, yeah.", "Yeah, sure.", "Yeah, right.", "Really?", "Oh really?",
        "Cool.", "Nice.", "Great.", "Good.", "Exactly.", "True.", "That's true.",
        "That's right.", "Of course.", "Makes sense.", "I know.", "Interesting.",
        "Fair enough.", "Absolutely.", "Definitely.", "Huh.", "Ooh.", "Ha ha.", "Good point.",
        "No way.", "For sure.", "Fine.",
    ),
    "zh": (
        "嗯。", "嗯嗯。", "对。", "对对。", "对对对。", "好。", "好的。", "是。", "是的。",
        "哦。", "啊。", "行。", "可以。", "没错。", "明白。", "明白了。", "知道了。",
        "这样啊。", "原来如此。", "真的吗？", "当然。", "确实。", "哇。", "不错。", "好吧。",
        "是啊。", "有道理。",
    ),
}  # fmt: skip
"""Said while the other one talks, without wanting the floor."""

COMMANDS = {
    "en": (
        "Stop.", "Stop!", "Stop it.", "Stop, please.", "Stop talking.", "Please stop.",
        "Okay, stop.", "Okay, that's enough.", "That's enough.", "Enough.", "Wait.",
        "Wait, wait.", "Wait a second.", "Wait a minute.", "Hold on.", "Hold on a second.",
        "Hang on.", "Hang on a minute.", "Pause.", "Quiet.", "Be quiet.", "Quiet, please.",
        "Shut up.", "Silence.", "Cancel.", "Cancel that.", "Never mind.", "Forget it.",
        "Excuse me.", "Sorry, wait.", "One moment.", "Just a second.", "No.", "No, no.",
        "No, no, no.", "No, not that one.", "No, wait.", "Actually, no.", "Actually, wait.",
        "Not now.", "Skip it.", "Next.", "Go back.", "Repeat that.", "Say that again.",
        "Louder, please.", "Slower, please.", "Listen.", "Hey.", "Hello?", "Let me talk.",
        "Can I say something?", "Okay, thanks, that's all.", "Turn it off.",
    ),
    "zh": (
        "停。", "停下。", "停一下。", "等等。", "等一下。", "等会儿。", "别说了。",
        "不要说了。", "安静。", "够了。", "打住。", "暂停。", "取消。", "算了。", "稍等。",
        "不对。", "不是这个。", "下一个。", "再说一遍。", "不，不是。", "你听我说。",
        "好了，停吧。",
    ),
}  # fmt: skip
"""Take the floor."""

WORDS = {
    "en": (
        "Computer.", "Jarvis.", "Alexa.", "Parley.", "Music.", "Lights.", "Coffee.",
        "Tomorrow.", "Seven.", "Monday.", "Why?", "Who?", "Where?", "When?", "What?", "How?",
        "Pardon?", "Sorry?", "Help.", "Weather.", "Paris.", "Timer.", "Volume.", "Kitchen.",
        "Tea.", "Thursday.", "Maybe.", "Banana.", "Window.", "Blue.",
    ),
    "zh": (
        "什么？", "为什么？", "谁？", "哪里？", "音乐。", "天气。", "明天。", "北京。", "开灯。",
        "不。",
    ),
}  # fmt: skip
"""One word that is no acknowledgement: somebody wants something."""

QUESTIONS = {
    "en": (
        "Actually, what about tomorrow?", "Actually, can you tell me the price first?",
        "But why is that?", "But what does that mean?", "What about the other one?",
        "How much does it cost?", "What time is it?", "Can you play some music instead?",
        "Set a timer for five minutes.", "I meant the one on the left.", "No, I said Thursday.",
        "That's not what I asked.", "Let me ask you something else.",
        "Tell me about the weather.", "Is it going to rain today?", "Where did you read that?",
        "Who told you that?", "I have another question.", "Could you speak a bit slower?",
        "Can we talk about dinner?", "So does that work on Sundays too?",
        "What was the name again?", "And how long does it take?", "I don't want that.",
        "I already know that.", "Just give me the short answer.",
        "Turn off the lights in the kitchen.", "Remind me to call my mother.",
        "Which one is cheaper?", "Do I need a ticket for that?",
    ),
    "zh": (
        "那明天怎么样？", "不是，我问的是价格。", "多少钱？", "现在几点了？",
        "可以放点音乐吗？", "我还有一个问题。", "你说的是哪一个？", "今天会下雨吗？",
        "换一个话题吧。", "我想问别的事情。", "能不能说慢一点？", "这个要多长时间？",
    ),
}  # fmt: skip
"""Interrupt with something to answer."""

CONTINUATIONS = {
    "en": (
        "but what about the price?", "but I wanted the other one.",
        "and what happens after that?", "but how long does it take?",
        "so can we do that tomorrow?", "but that's not what I meant.",
        "and is it open on Sunday?", "now tell me about something else.",
        "but can you make it shorter?", "and who else is coming?",
        "but wait, I have a question.", "stop now.", "let's do that then.",
        "I think I understand, thank you.",
    ),
    "zh": (
        "但是价格呢？", "那然后呢？", "不过我想要另外一个。", "可是星期天开门吗？",
        "那我们明天去吧。", "你先停一下。",
    ),
}  # fmt: skip
"""Follow an acknowledgement that turns out to be the beginning of a turn."""

OPENERS = {
    "en": ("Yeah,", "Okay,", "Right,", "Mm-hm,", "I see,", "Oh,"),
    "zh": ("嗯，", "好，", "对，", "是的，"),
}
"""Begin a turn like an acknowledgement."""

FILLERS = {
    "en": ("Um,", "Uh,", "Um.", "Uh.", "Erm,", "Hmm,", "Let me see,", "Let me think,", "So,"),
    "zh": ("嗯，", "呃，", "那个，", "就是，", "这个，", "我想想，"),
}  # fmt: skip
"""Hesitation: the turn goes on."""

SHORT_TURNS = {
    "en": (
        "Yes.", "No.", "Yes, please.", "No, thanks.", "Thank you.", "Okay.", "Sure.", "Hello.",
        "Hi there.", "Good morning.", "Goodbye.", "I don't know.", "That's all.",
        "Maybe later.", "Go on.", "Both.", "The second one.", "Not really.", "I think so.",
        "Tomorrow.", "At seven.", "Never mind.", "Yeah.", "What?", "Why?", "Play jazz.",
        "Lights off.", "Next song.", "Two.", "Blue, please.",
    ),
    "zh": (
        "是的。", "不用了。", "谢谢。", "好的。", "你好。", "再见。", "我不知道。", "明天吧。",
        "第二个。", "可以。", "为什么？", "不是。",
    ),
}  # fmt: skip
"""Whole turns, however short."""
