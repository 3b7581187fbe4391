"""By what else people are called whose first name is known: Bob for Robert, Mel for Melanie."""

from __future__ import annotations

from functools import lru_cache

# What cannot be told from the letters; what is a name's beginning needs no entry.
_CALLED = """
abigail abby gail; albert bert; alexander sasha sandro xander lex; alexandra sasha lexi; alfred fred; amelia millie;
andrew drew; anthony tony; antonio toni tonio; arthur artie; barbara babs; benjamin benny benji; bernard bernie;
caroline carrie; catherine cathy cate kate katie kitty; charles charlie chuck chaz; charlotte lottie charlie; christina
tina chrissy; christopher kit topher; cynthia cindy; daniel danny; david dave davey; deborah debbie debby; dolores lola;
donald donny; dorothy dot dottie dolly; edward ted teddy ned eddie; edmund ted ned; eleanor ellie nell; elizabeth liz
lizzie lizzy beth betty betsy bess libby; emily em millie; ernest ernie; eugene gene; florence flossie; frances fanny
frankie; francis frank; francisco paco pancho; frederick fritz freddie freddy; gabriel gabe; gabriella gabby; george
georgie; gerald jerry gerry; guadalupe lupe; harold harry hal; helen nell; henrietta hattie etta; henry harry hank hal;
isabella bella izzy; jacob jake; jacqueline jackie; james jim jimmy jamie; jennifer jenny; jessica jessie; johann hans;
johannes hans; john jack johnny; jonathan jonny; jose pepe; josef sepp; joseph joe joey; josephine josie jo fifi; judith
judy; katharina kathi kati kaethe; katherine kate katie kathy kitty kay; kathleen kathy kate; kenneth kenny; lawrence
larry laurie; leonard lenny; louis louie; louise lulu; madeleine maddie; margaret maggie meg peggy mags madge greta;
maria mimi; martha marty; martin marty; mary molly polly; matilda tilly tilda; mercedes merche; michael mike mick mickey
mikey; mikhail misha; mildred millie; miriam mimi; natasha tasha; nathan nate; nathaniel nate; nicholas nick nicky;
nicole nikki; nikolai kolya; olivia liv livvy; oliver ollie; patricia patty trish tricia; patrick paddy; penelope penny;
peter pete; philip pip; rebecca becky becca; reginald reggie; richard rick ricky dick richie; robert bob bobby robbie;
roberta bobbie; ronald ronnie; rosemary rosie; rudolf rudi; samantha sammy; samuel sammy; sarah sally sadie; sebastian
basti bastian; sergei seryozha; stephanie steffi; stephen steve stevie; steven steve stevie; susan sue susie suzy;
susanne susi; terence terry; theodore ted teddy; theresa terry tess tessa; thomas tom tommy; timothy timmy; ursula uschi
ulla; valentina tina; victoria vicky tori; vincent vinnie; virginia ginny; vladimir volodya vova; walter wally; wilhelm
willi; wilhelmina minnie; william bill billy willy liam; winifred winnie; yevgeny zhenya; zachary zack
"""
_SHORTEST = 3
# "Jon" may be Jonathan, "Ann" is not Anna.
_SHORTER_BY = 2
_OTHERS: dict[str, set[str]] = {}
for _entry in _CALLED.split(";"):
    _full, *_names = _entry.split()
    for _name in _names:
        _OTHERS.setdefault(_full, set()).add(_name)
        _OTHERS.setdefault(_name, set()).add(_full)


@lru_cache(maxsize=16_384)
def other_names(first: str) -> frozenset[str]:
    """What somebody with this first name, in lower case and without marks, may be called: shorter names and those of which
    it is one. That a longer name only begins like it is not among them, see `beginnings`.
    """
    return frozenset((*_OTHERS.get(first, ()), *beginnings(first)))


def beginnings(name: str) -> tuple[str, ...]:
    """The shorter names with which a name begins."""
    return tuple(name[:end] for end in range(_SHORTEST, len(name) - _SHORTER_BY + 1)) if name.isalpha() else ()
