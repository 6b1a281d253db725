"""Sentences that every checkpoint speaks beside the held-out lines: a minute of recordings leaves too few of those to
tell one error rate from another, and what is misheard needs no recording to compare with.
"""

SENTENCES: dict[str, tuple[str, ...]] = {
    "en": (
        "The garden behind the old house was full of yellow flowers.",
        "We should leave before the rain begins, or we will miss the last train.",
        "My brother found a small wooden box under the stairs.",
        "How many people are coming to dinner on Friday evening?",
        "She opened the window and listened to the birds for a while.",
        "The doctor said that he would need at least two weeks of rest.",
        "Bring me the blue cup from the kitchen table, please.",
        "A long time ago, three families lived together in this valley.",
    ),
    "zh": (
        "院子里的花都开了，孩子们在树下玩。",
        "我们最好在下雨之前出发，不然会错过最后一班车。",
        "他在楼梯下面找到了一个小木盒。",
        "星期五晚上有多少人来吃饭？",
        "她打开窗户，听了一会儿鸟叫。",
        "医生说他至少需要休息两个星期。",
        "请把厨房桌子上的蓝色杯子拿给我。",
        "很久以前，有三户人家一起住在这个山谷里。",
    ),
    "ja": (
        "庭の花が咲いて、子どもたちは木の下で遊んでいます。",
        "雨が降る前に出かけないと、最後の電車に間に合いません。",
        "弟は階段の下で小さな木の箱を見つけました。",
        "金曜日の夜は何人で食事をしますか。",
        "彼女は窓を開けて、しばらく鳥の声を聞いていました。",
        "医者は少なくとも二週間休むようにと言いました。",
        "台所のテーブルから青いカップを持ってきてください。",
        "昔、この谷には三つの家族が住んでいました。",
    ),
    "ko": (
        "마당에 꽃이 피었고 아이들이 나무 아래에서 놀고 있습니다.",
        "비가 오기 전에 떠나지 않으면 마지막 기차를 놓칠 거예요.",
        "동생이 계단 아래에서 작은 나무 상자를 찾았습니다.",
        "금요일 저녁에 몇 명이 식사하러 오나요?",
        "그녀는 창문을 열고 한동안 새소리를 들었습니다.",
        "의사는 적어도 이 주일은 쉬어야 한다고 말했습니다.",
        "부엌 식탁에서 파란 컵을 가져다 주세요.",
        "옛날 이 골짜기에는 세 가족이 함께 살았습니다.",
    ),
    "yue": (
        "花園啲花開晒，小朋友喺樹下面玩。",
        "我哋最好落雨之前走，唔係就趕唔到尾班車。",
        "細佬喺樓梯下面搵到一個細木盒。",
        "星期五晚有幾多人嚟食飯？",
        "佢打開個窗，聽咗一陣雀仔叫。",
        "醫生話佢最少要休息兩個星期。",
        "唔該幫我喺廚房張枱度攞個藍色杯嚟。",
        "好耐以前，有三家人一齊住喺呢個山谷。",
    ),
}
