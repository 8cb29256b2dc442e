"""Lines and words of the made-up turns. Plain tables; knows nothing else.

What is said over the assistant and in short turns: acknowledgements, commands, single words.

Plain lists; knows neither sound nor time. The words that mark them in a transcript are the
lexicon's; these are written as they are spoken.

What fills the gaps of a request: places, times, names, kinds of food.

Knows no templates beyond the marks ``#DOMAIN-ACT-SLOT#`` they use.
"""

from __future__ import annotations

import random
import re

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


_SLOT = re.compile(r"#[A-Z]+-[A-Z]+-([A-Z]+)#")

_CITIES = (
    "cambridge", "london kings cross", "norwich", "ely", "stevenage", "broxbourne",
    "birmingham new street", "leicester",
    "manchester", "stansted airport", "oxford", "leeds", "san francisco", "chicago", "new york",
    "toronto", "the airport",
)  # fmt: skip
_TIMES = (
    "5:30", "noon", "seven o'clock", "half past eight", "a quarter to nine", "17:15",
    "ten in the morning", "6 pm",
    "eleven thirty", "three fifteen", "9:45", "midnight", "8 am", "two in the afternoon",
)  # fmt: skip
_DAYS = (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "tomorrow",
    "next friday",
    "the twelfth of may", "saturday night",
)  # fmt: skip
_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "2", "3", "5")
_AREAS = ("centre", "north", "south", "east", "west", "old town", "city center", "downtown area")
_PRICES = ("cheap", "moderate", "expensive", "reasonable", "mid-range", "inexpensive")
_NAMES = (
    "the golden wok", "pizza hut", "the gardenia", "the university arms", "saint john's college",
    "the blue lagoon",
    "la margherita", "the rice house", "the riverside inn", "the fitzwilliam museum",
    "alexander's", "the grand hotel",
)  # fmt: skip
_FOODS = (
    "chinese", "italian", "indian", "british", "thai", "french", "korean", "mediterranean",
    "spanish", "vegetarian",
    "portuguese", "seafood", "mexican", "japanese", "gastropub",
)  # fmt: skip
_KINDS = (
    "museum",
    "park",
    "theatre",
    "guesthouse",
    "hotel",
    "college",
    "nightclub",
    "swimming pool",
    "cinema",
    "gallery",
)
_DEPARTMENTS = (
    "children's surgery",
    "cardiology",
    "the emergency room",
    "oncology",
    "physiotherapy",
)

_FILLS: dict[str, tuple[str, ...]] = {
    "AREA": _AREAS,
    "ARRIVE": _TIMES,
    "DAY": _DAYS,
    "DEPART": _CITIES,
    "DEPARTMENT": _DEPARTMENTS,
    "DEST": _CITIES,
    "FOOD": _FOODS,
    "LEAVE": _TIMES,
    "NAME": _NAMES,
    "PEOPLE": _NUMBERS,
    "PRICE": _PRICES,
    "STARS": _NUMBERS,
    "STAY": _NUMBERS,
    "TIME": _TIMES,
    "TYPE": _KINDS,
}


def filled(template: str, rng: random.Random) -> str:
    """``template`` with every slot filled; one of an unknown name becomes a number."""
    return _SLOT.sub(lambda found: rng.choice(_FILLS.get(found[1], _NUMBERS)), template)


PARTS: dict[str, tuple[str, ...]] = {
    "d": (
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "oh", "zero",
    ),
    "n": (
        "two", "three", "four", "five", "six", "seven", "eight", "ten", "twelve", "fifteen",
        "twenty", "thirty", "a hundred",
    ),
    "nn": (
        "twenty one", "thirty five", "forty two", "fifty", "sixty eight", "ninety nine",
        "twelve", "eighteen", "two hundred and ten",
    ),
    "d3": (
        "{d} {d} {d}",
    ),
    "d4": (
        "{d} {d} {d} {d}",
    ),
    "clock": (
        "seven", "half past six", "a quarter to nine", "eight thirty", "noon", "five o'clock",
        "ten fifteen", "six in the evening", "seven a m",
    ),
    "day": (
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "tomorrow",
        "the day after tomorrow",
    ),
    "month": (
        "january", "march", "april", "may", "june", "august", "october", "december",
    ),
    "ord": (
        "first", "second", "third", "fifth", "tenth", "twelfth", "twenty first", "thirtieth",
    ),
    "date": (
        "the {ord} of {month}", "{month} {ord}", "{day} the {ord}",
    ),
    "when": (
        "tomorrow", "tonight", "this evening", "on {day}", "next week", "this weekend",
        "at {clock}", "in the morning", "tomorrow at {clock}", "in an hour", "in {n} minutes",
        "on {date}", "later", "right now", "after work", "before dinner",
    ),
    "past": (
        "yesterday", "last night", "last week", "this morning", "on {day}", "two years ago",
        "when i was young", "a while ago",
    ),
    "room": (
        "kitchen", "bedroom", "living room", "bathroom", "hallway", "garage", "office",
        "basement", "garden", "kids' room",
    ),
    "device": (
        "lights", "light", "heating", "fan", "television", "radio", "air conditioner", "lamp",
        "speaker", "dishwasher", "coffee machine", "blinds",
    ),
    "person": (
        "my mother", "my brother", "anna", "david", "my boss", "doctor miller", "the plumber",
        "my neighbor", "grandma", "tom", "the school", "mister jones", "sarah",
        "my friend peter", "our landlord", "the children",
    ),
    "city": (
        "boston", "london", "new york", "berlin", "chicago", "paris", "san francisco", "tokyo",
        "dublin", "the airport", "seattle", "the city center",
    ),
    "country": (
        "france", "japan", "brazil", "canada", "egypt", "norway", "australia", "south korea",
        "italy",
    ),
    "place": (
        "the station", "the office", "the beach", "the library", "the supermarket", "the park",
        "the hospital", "the old bridge", "a small village", "my parents' house", "the museum",
        "the river",
    ),
    "food": (
        "pizza", "a salad", "soup", "fried rice", "pancakes", "a cheeseburger", "noodles",
        "fish and chips", "an omelette", "chocolate cake", "a sandwich", "tacos",
        "vegetable curry", "roast chicken",
    ),
    "item": (
        "milk", "eggs", "bread", "butter", "onions", "apples", "rice", "olive oil", "coffee",
        "batteries", "toilet paper", "a bag of flour", "tomatoes", "some cheese", "orange juice",
        "shampoo", "light bulbs", "potatoes",
    ),
    "size": (
        "small", "medium", "large", "extra large", "double", "regular",
    ),
    "drink": (
        "coffee", "lemonade", "orange juice", "green tea", "hot chocolate", "apple juice",
        "black tea", "beer", "mineral water", "milkshake", "smoothie", "glass of red wine",
    ),
    "extra": (
        "lots of ice", "no ice", "a bit of honey", "extra cheese", "a slice of lemon",
        "some ketchup", "two sugars", "a little pepper", "fresh mint", "mushrooms and olives",
        "whipped cream", "a lot of butter", "some salad on the side", "no onions", "a straw",
    ),
    "music": (
        "some jazz", "the latest album by the foo fighters", "my workout playlist",
        "something relaxing", "classical music", "the beatles", "that song from the movie",
        "the news", "a podcast about history",
    ),
    "adj": (
        "nice", "terrible", "expensive", "interesting", "difficult", "beautiful", "strange",
        "important", "boring", "cold", "great", "wonderful", "complicated", "cheap",
    ),
    "thing": (
        "the car", "my phone", "the computer", "the washing machine", "the front door",
        "my bike", "the old clock", "that book", "the printer", "the window", "my coat",
        "the wifi",
    ),
    "topic": (
        "the second world war", "black holes", "the history of {country}", "how bread is made",
        "the stock market", "whales", "the roman empire", "quantum computers", "the moon",
        "good books", "electric cars",
    ),
    "task": (
        "call {person}", "buy {item}", "water the plants", "take out the trash", "pay the rent",
        "pick up {person}", "send the report", "book a flight to {city}", "clean the {room}",
        "feed the cat", "take my medicine", "write to {person}",
    ),
    "filler": (
        "um", "uh", "er", "well", "you know", "let me think", "i mean", "hmm", "like",
        "let me see", "so",
    ),
    "street": (
        "oak street", "maple avenue", "station road", "park lane", "king's road", "fifth avenue",
        "church street", "mill lane", "washington street",
    ),
    "letter": (
        "a", "b", "c", "d", "e", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "w", "x",
    ),
    "name": (
        "anna", "peter", "miller", "schmidt", "olivia", "jackson", "nguyen", "garcia", "o'brien",
        "lee",
    ),
    "please": (
        "", "", " please", " for me", " if you can", " thanks",
    ),
    "ask": (
        "can you", "could you", "would you", "can you please", "could you please",
        "i want you to", "i'd like you to", "please", "hey can you",
        "would you mind if i asked you to",
    ),
    "want": (
        "i want", "i'd like", "i would like", "can i get", "can i have", "could we have",
        "give me", "i'll take", "i'll have", "we need", "get me", "let me have", "may i have",
        "i need",
    ),
    "order": (
        "a {size} {drink}", "a {drink}", "{food}", "{food} and a {drink}", "two {size} pizzas",
        "a {size} {drink} and {food}", "the soup of the day", "a table for {n}",
        "the same as yesterday", "a cup of {drink}",
    ),
    "clause": (
        "it was {adj}", "i was tired", "we were late", "it started to rain", "{person} was sick",
        "{thing} broke", "nobody was there", "i had no money", "the shop was closed",
        "we missed the train", "i had to go to {place}", "{person} called me",
    ),
    "now": (
        "it is raining", "i am hungry", "{thing} is broken", "{person} is coming",
        "the battery is low", "i have time", "it gets dark", "there is traffic",
        "the store is open", "we are at home", "you find it", "nobody answers",
    ),
    "opinion": (
        "it's too {adj}", "it will be {adj}", "we should go to {place}", "{person} is right",
        "that is a good idea", "it's going to rain", "we need a new plan",
        "you should talk to {person}", "{food} would be nice", "we could stay at home",
        "it isn't worth it",
    ),
    "comp": (
        "bigger", "cheaper", "faster", "older", "better", "more expensive", "more popular",
    ),
    "unit": (
        "kilometers", "meters", "degrees", "grams", "hours", "dollars", "people", "miles",
        "liters",
    ),
}  # fmt: skip

FAMILIES: dict[str, tuple[str, ...]] = {
    "home": (
        "turn the {device} in the {room} off{please}",
        "turn off the {device} in the {room}{please}", "turn the {device} on",
        "turn on the {device}", "switch the {device} in the {room} on {when}",
        "{ask} turn the {device} down a little", "{ask} turn up the {device}",
        "set the {device} to {nn} percent",
        "{ask} set the temperature in the {room} to {nn} degrees",
        "dim the {device} in the {room}", "is the {device} in the {room} still on",
        "lock {thing} and turn off all the lights", "make it a little warmer in here",
        "open the blinds in the {room} when the sun comes up",
        "turn everything off except the {device}",
        "put the {device} on in the {room} and close the curtains",
        "when i leave the house turn the {device} off",
        "it's too dark in the {room} in the evening",
    ),
    "time": (
        "set a timer for {n} minutes", "set an alarm for {clock}",
        "set an alarm for {clock} {when}", "{ask} wake me up at {clock} on {day}",
        "remind me to {task}", "remind me to {task} {when}",
        "remind me {when} that i have to {task}", "{ask} remind me to {task} and to {task}",
        "what time is it", "what time is it in {city}", "how long is it until {clock}",
        "cancel my alarm for {day}", "what's on my calendar {when}",
        "put a meeting with {person} in my calendar {when}",
        "move the meeting with {person} to {date} at {clock}",
        "when is my next appointment with {person}", "what day is {date}",
        "how many days is it until {date}", "add five more minutes to the timer",
        "do i have anything planned {when}", "start the timer when the water boils",
    ),
    "order": (
        "{want} {order}", "{want} {order} with {extra}",
        "{want} {order} with {extra} and {extra}", "{want} {order} please",
        "{want} {order} to go", "{want} {order} but without {extra}",
        "{want} {order} with {extra} on top", "{want} {n} {drink}s and {order}",
        "make me {order} with {extra}", "order {food} from the place around the corner",
        "prepare {order} for {person}", "{want} {order} and for {person} {order}",
        "do you have {food} with {extra}", "what kind of {drink} do you have",
        "is there {extra} in the {food}", "how much is {order}",
    ),
    "shopping": (
        "add {item} to my shopping list", "put {item} and {item} on the list",
        "add {item}, {item}, {item} and {item} to the list",
        "we need {item}, {item}, and {item}",
        "i have to buy {item}, {item}, {item}, oh and {item}", "take {item} off the list",
        "what's on my shopping list", "how much does {item} cost at {place}",
        "where can i buy {item} near {place}",
        "on the list there is {item}, then {item}, and then {item}",
        "did i already put {item} on the list",
        "for the cake i need {item}, {item}, {n} {item} and a spoon of sugar",
    ),
    "media": (
        "play {music}", "play {music} in the {room}",
        "{ask} play {music} on the speaker in the {room}", "turn the volume up a bit",
        "skip this song", "what is this song called", "who sings this", "play the next episode",
        "stop the music in {n} minutes", "play something that {person} would like",
        "i want to listen to {music} while i cook", "put on {music} and turn off the {device}",
        "find a movie with {name} in it", "read me {music} when i am in the {room}",
    ),
    "message": (
        "call {person}", "call {person} on the mobile", "{ask} call {person} {when}",
        "send a message to {person} and say that i'm late",
        "tell {person} that i will be there {when}", "text {person} i am on my way",
        "write an email to {person} about {topic}", "send {person} a message and ask if {now}",
        "read my last message from {person}", "did {person} call me {past}",
        "answer {person} that {opinion}", "let {person} know that {now}",
        "ask {person} whether we can meet at {place} {when}",
        "what did {person} say about {topic}",
    ),
    "question": (
        "what's the weather like in {city} {when}", "will it rain {when}",
        "do i need an umbrella {when}", "how far is it from {city} to {city}",
        "how do i get to {place}", "what is the capital of {country}",
        "who is the president of {country}", "how old is the queen of {country}",
        "what is the population of {country}", "how many {unit} are there in a mile",
        "what is {nn} times {n}", "what's {nn} plus {nn}",
        "how do you say good morning in spanish", "how long does it take to cook {food}",
        "why is the sky blue", "what does that mean", "who wrote that book about {topic}",
        "when was {place} built", "is {city} {comp} than {city}", "which one is {comp}",
        "what is {comp}, {item} or {item}", "what happened in {country} {past}",
        "where is {city} on the map", "who are you", "what can you do",
        "are you sure about that", "can you tell me how {thing} works",
        "do you know where {person} is from", "could you explain to me what {topic} is about",
        "is it true that {opinion}", "what should i do if {now}", "what would you do if {now}",
        "can you help me with {thing}", "how do i fix {thing} when {now}",
        "why do people talk so much about {topic}",
        "what is the difference between {item} and {item}", "where did you hear that",
        "what are you looking at", "who were you talking to", "what is it for",
        "where do they come from", "can you tell me what time the train to {city} leaves",
        "do you remember what i told you {past}", "how much do i have to pay for {thing}",
        "which of them do you like more", "i wonder how many {unit} it is to {city}",
        "tell me how long it takes to get to {place}",
    ),
    "knowledge": (
        "tell me about {topic}", "tell me something about {topic}", "tell me a joke",
        "tell me a story about {person}", "explain {topic} to me",
        "{ask} explain {topic} in simple words", "i want to learn about {topic}",
        "give me three facts about {topic}", "give me a recipe for {food}",
        "show me pictures of {country}",
        "{ask} tell me what you know about {topic} and about {topic}",
        "read me the article about {topic}", "{ask} translate that into french",
        "spell the word necessary", "look up {place} for me",
        "give me a short summary of {topic} for {person}", "tell me more about it",
        "say that again more slowly",
    ),
    "travel": (
        "book a flight to {city} {when}", "i need a taxi to {place} {when}",
        "find me a hotel in {city} for {n} nights",
        "i'm looking for a {adj} restaurant in {city}", "when is the next train to {city}",
        "{ask} book a table for {n} at {clock}", "we want to go to {country} in {month}",
        "i want to fly from {city} to {city} on {date}", "which bus goes to {place}",
        "is there parking near {place}", "how's the traffic on the way to {place}",
        "navigate to {place}", "take me to {place} but avoid the highway",
        "we'd like to stay there from {day} to {day}",
        "a room with a view of {place} for two people", "i would prefer a seat by the window",
    ),
    "story": (
        "i went to {place} {past}", "i went to {place} {past} and {clause}",
        "{past} {clause} so i went home", "we wanted to go to {place} but {clause}",
        "i was at {place} when {clause}", "{clause} because {clause}",
        "when i got to {place} {clause}", "after we left {place} {clause} and then {clause}",
        "i have never been to {country}", "i used to live in {city} before i moved to {city}",
        "my brother works at {place} in {city}",
        "the man who lives next door has {thing} from {country}",
        "i saw {person} at {place} {past}", "it was the best {food} that i ever had",
        "i told {person} that {clause}", "i thought that {clause} but {clause}",
        "although {clause} we had a good time", "{person} asked me if {clause}",
        "she said that {clause}", "he gave me {thing} and left",
        "there were {nn} people at {place} {past}", "the last time i was in {city} {clause}",
        "we drove for {n} hours until we came to {place}",
        "the first thing i noticed was {thing}", "what i liked most was {place} in {city}",
        "as soon as {clause} we went to {place}",
    ),
    "opinion": (
        "i think {opinion}", "i don't think that {opinion}", "i believe {opinion} because {now}",
        "in my opinion {opinion}", "if {now} then {opinion}", "{opinion} if {now}",
        "i'm not sure if {opinion}", "i'm not sure", "i don't know", "i don't know what to say",
        "maybe {opinion}", "that sounds {adj} to me", "i really like {city}",
        "i don't like {food} very much", "i'd rather have {food} than {food}",
        "that's not what i meant", "that's not what i asked for", "i agree with you",
        "i agree with you but {opinion}", "it depends on the weather",
        "it depends on whether {now}", "i guess {opinion}", "i hope {opinion}",
        "the problem is that {now}", "the thing is that {opinion}", "the point is {opinion}",
        "it's not that {adj}", "i feel a bit tired today", "i'm looking forward to it",
        "that's what i was thinking of", "you can do it when {now}",
        "i have no idea what that is", "that's all i wanted to know",
        "this is the place i told you about", "it's a {adj} day isn't it", "so do i", "me too",
        "neither do i",
    ),
    "short": (
        "yes", "no", "yes please", "no thank you", "okay thanks", "that's right", "sounds good",
        "of course", "why not", "why", "how come", "really", "thank you very much",
        "good morning", "good night", "hello there", "never mind", "stop it", "go on",
        "the first one", "the {comp} one", "{day}", "{when}", "{city}", "the one on the left",
        "both", "neither of them", "all of them", "half an hour", "{n} minutes", "{food}",
        "in the {room}", "with {extra}", "to {place}", "at {clock}", "for {person}", "not today",
        "maybe later", "what about {day}", "how about {food}", "what else", "and then",
        "and you", "anything else", "that one", "yes i do", "no i don't", "yes it is",
        "no it isn't", "i will", "i can't", "of course i do", "please do",
    ),
    "numbers": (
        "my number is {d3} {d3} {d4}", "you can reach me at {d3} {d4}", "it's {d3} {d3} {d4}",
        "{d3} {d3} {d4}", "call {d3} {d4}", "the code is {d4}", "my zip code is {d3} {d} {d}",
        "my pin is {d4}", "the number of the order is {letter} {letter} {d4}",
        "that's {d3} {d4} thank you", "my card number is {d4} {d4} {d4} {d4}",
        "it's {letter} {d3} {letter}", "the total was {nn} dollars",
        "it costs {nn} euros and {nn} cents", "i was born on {date} nineteen {nn}",
        "it was in nineteen {nn}", "my account number is {d3} {d3} {d3}",
        "the room is {d3} on the {ord} floor", "{nn} times {nn}", "about {nn} {unit}",
        "between {n} and {nn} {unit}", "it's {nn} {unit} long and {nn} {unit} wide",
    ),
    "address": (
        "i live at {nn} {street}", "the address is {nn} {street} in {city}",
        "{nn} {street} apartment {n} {city}", "send it to {nn} {street}, {city}",
        "it's on {street} next to {place}", "take me to {nn} {street}",
        "my name is {name} and i live in {city}",
        "my last name is spelled {letter} {letter} {letter} {letter}",
        "my email is {name} dot {name} at example dot com", "it's {name} with a {letter}",
        "the name is {name} {letter} as in {name}",
        "turn left at {street} and then right at {place}",
    ),
    "hesitation": (
        "{filler} i'd like {filler} {order}", "i want to {filler} {task}",
        "{ask} {filler} {task} {when}", "so i was {filler} thinking that {opinion}",
        "what's the {filler} the weather like {when}", "i need {filler} a table for {n} {when}",
        "{filler} what was i going to say {filler} {opinion}", "it was {filler} it was {adj}",
        "i went to {filler} to {place} {past}", "{filler} play {filler} {music}",
        "can you {filler} can you tell me {filler} how far it is to {city}", "{filler} yes",
        "{filler} i don't know", "the {filler} the {device} in the {room} {filler} turn it off",
        "send a message to {filler} {person}", "i think it was {filler} in {city} you know",
        "we need {item} and {filler} {item} {filler} and {item}",
        "how do you {filler} make {food}", "{filler} let me see {filler} {day} at {clock}",
        "i i wanted to ask if {now}", "is it {filler} is it far to {place}",
    ),
    "correction": (
        "set the alarm for {clock} no wait for {clock}",
        "i want to go to {city} sorry i mean to {city}", "remind me {when} no actually {when}",
        "call {person} no call {person} instead", "{want} {food} or rather {food}",
        "turn on the no turn off the {device} in the {room}",
        "what's the i mean who is the president of {country}",
        "play {music} actually no play {music}", "it's {d3} no sorry {d3} {d4}",
        "add {item} i mean {item} to the list", "at {clock} or wait make that {clock}",
        "not the {device} i mean the {device}", "{person} no i meant {person}",
        "scratch that {task} {when}",
    ),
    "several": (
        "it's cold in here. {ask} turn up the heating",
        "i have a question. what is the capital of {country}",
        "i was in {city} {past}. it was {adj}. do you know a good hotel there",
        "{thing} is broken. what should i do",
        "i talked to {person} {past}. {opinion}. so {task} {when}", "thanks. that's all i need",
        "hello. {ask} {task}", "good morning. what's the weather like {when}",
        "no thanks. just tell me about {topic}", "okay. and how do i get to {place}",
        "i don't like {food}. what else can i cook", "sounds {adj}. {want} {order}",
        "yes. {when}. at {clock}", "{clause}. then {clause}. in the end we went home",
        "i'm going to {city} {when}. {ask} book a hotel for me", "wait. i have to {task} first",
        "{opinion}. don't you think so", "i see. and what about {topic}",
        "great. {ask} {task} too", "i'm sorry. i didn't understand that",
        "well. {opinion}. but {now}", "first {task}. then {task}. and after that {task}",
    ),
    "long": (
        "{ask} {task} {when} and then {task} because {now}", "if {now} {ask} {task} and {task}",
        "i was wondering whether you could {task} {when} since {now}",
        "{ask} tell me whether {opinion} or whether {opinion}",
        "{person} told me that {clause} and that {clause}",
        "the reason why i am asking is that {now} and {now}",
        "i'd like to know what {person} said when {clause}",
        "what i want to know is how {thing} works when {now}", "before you {task} {ask} {task}",
        "i was going to {task} but then {clause} and i forgot to {task}",
        "there is a {adj} restaurant near {place} that has the best {food} in {city}",
        "do you think that {opinion} even if {now}",
        "while {clause} {person} went to {place} to {task}",
        "we could either {task} or {task} {when}", "not only is {thing} {adj} but {now} as well",
        "every time i go to {place} {thing} stops working and i have to {task}",
    ),
}  # fmt: skip
