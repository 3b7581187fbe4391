"""English base verbs, sorted by how surely a clause that begins with the word is a command. Written for this project.

Everyday English has a few thousand verbs; these are the ones that people use to tell somebody to do something. Three
classes decide what has to follow at the start of a clause (see `directives`):

- `SURE`   hardly ever a noun or an adjective there: "Send …", "Translate …"
- `MIXED`  a noun as often as a verb: "Transfer the money", but "Transfer fees apply"
- `RARE`   mostly a noun or an adjective: "Water your plants", but "Water is scarce"
"""

from __future__ import annotations

SURE = frozenset(
    """
    abandon abbreviate abolish absorb abstain accelerate accept accommodate accompany accomplish accumulate achieve
    acknowledge acquaint acquire activate adapt add adhere adjourn adjust administer admire admit adopt adore
    advertise advise affirm affix aggravate agree align allege alleviate allocate allot allow alphabetise alphabetize
    alter amass amend amplify amputate amuse analyse analyze annihilate annotate announce annul anonymise anonymize
    anticipate apologise apologize append apply appoint appraise apprehend apprise approve argue arise arrange
    ascertain ascribe ask assemble assert assess assign assimilate assist assume assure attach attain attend augment
    authenticate authorise authorize automate avert avoid await awaken bake baptise become beg begin behave behold
    believe belittle bestow betray beware bind blend bless blur borrow brighten bring browse build bully buy bypass
    calculate calibrate cancel capitalise capitalize caption captivate capture carry categorise categorize cater
    celebrate censor centralise centralize certify chant characterise characterize charm check cherish chew choose
    chop circulate circumvent cite clarify classify cleanse click climb cling coerce collaborate collapse collate
    collect combine come commemorate commence commit communicate compare compel compensate compete compile complain
    complicate comply compose comprehend compress compromise compute conceal concede conceive concentrate conclude
    concoct condense conduct confess configure confine confirm confiscate conform confront confuse congratulate
    conjugate connect conquer conserve consider consist console consolidate construct construe consult consume contain
    contemplate contend continue contradict contribute contrive convene converse convert convey convince cooperate
    coordinate cope correspond corroborate counteract create criticise criticize crop cultivate curtail customise
    customize debug decide decipher declare decode decommission decompose decompress decorate decouple decrease
    decrypt dedicate deduce deduct deem deepen defend defer define deflate defraud delegate delete delimit deliver
    demolish demonstrate demote demystify denounce deny depart depend depict deplete deploy depreciate deprive derive
    describe deselect deserve designate destroy detach detain detect deter determine devalue develop deviate devise
    devote diagnose dictate differentiate dig digest diminish dip disable disagree disallow disappear disarm
    disassemble disband discard disclose disconnect discontinue discourage discover discredit discriminate discuss
    disengage disinfect dislodge dismantle dismiss dispense disperse dispose disprove disregard disrupt dissect
    disseminate dissolve dissuade distinguish distort distract distribute disturb dive divert divide divulge dock
    donate downgrade download downplay downsize dramatise dramatize duplicate dwell earn eat edit educate elevate
    elicit eliminate elucidate embark embed embellish embody embrace emit emphasise emphasize employ empower emulate
    enable encapsulate encipher enclose encode encounter encourage encrypt endeavor endeavour endorse endure enforce
    engage engrave enhance enjoy enlarge enlighten enlist enrich enrol enroll ensure entail enter entertain entice
    entrust enumerate envision equalise equalize equip eradicate erase erect escalate espouse establish evacuate evade
    evaluate evaporate examine exceed excel exclude excuse execute exemplify exempt exert exfiltrate exhaust exhibit
    exist exonerate expand expedite expel expend explain explode explore expose express extend extinguish extol
    extract extrapolate fabricate facilitate falsify familiarise familiarize feel fetch fill filter finalise finalize
    find finish fix flatten flatter follow forbid foresee forge forget forgive formalise formalize formulate forward
    foster fry fulfil fulfill furnish garble gather gauge generalise generalize generate get give glamorise glean
    glorify go govern grab greet grill grow harden harmonise harmonize harness hasten have hear heighten hesitate hide
    highlight hone identify ignite ignore illuminate illustrate imagine imitate immerse impersonate implement imply
    impose impress improve improvise incinerate incite include incorporate increase increment indicate induce indulge
    infect infer infiltrate inflate inflict inform infuse inhale inherit inhibit initialise initialize initiate inject
    inquire insert insist inspect inspire install instil instill instruct insulate insult insure integrate intensify
    interact intercept interfere interject interleave interpolate interpret interrogate interrupt intersperse
    intertwine intervene introduce invent invert invest investigate invite invoke involve irritate isolate itemise
    itemize iterate join jot juggle jumble justify keep kick kidnap kill kneel knit knock know lament lay lean leap
    learn leave legalise lend lengthen lessen let leverage liaise liberate lick lighten liken liquidate listen
    localise localize locate lose lubricate lure magnify maintain make manage manipulate manufacture marginalise
    marinate marry maximise maximize meditate meet melt memorise memorize mention merge migrate mimic mingle minimise
    minimize misinform mislead misrepresent misspell mitigate mix mobilise mobilize modernise modernize modify
    modulate motivate multiply mumble mute narrate navigate negate neglect negotiate neutralise neutralize nominate
    normalise normalize note notice notify nourish nullify nurture obey obfuscate obliterate obscure observe obstruct
    obtain occupy offend omit operate oppose opt optimise optimize ordain organise organize orient oscillate outline
    outperform outsource overcome overhaul overlay overlook override overrule oversee overstate overthrow overturn
    overwrite owe paraphrase pardon parse partake participate pass paste pay peel perceive perform permit permute
    perpetuate persist personalise personalize persuade peruse pinpoint plead plug plunge ponder populate portray pose
    possess postpone pour praise pray preach precede predict prefer prefix prepare prescribe preserve presume pretend
    prevent print prioritise prioritize proceed proclaim procure profess prohibit prolong promote pronounce propagate
    propose prosecute protect prove provide provoke prune publicise publicize publish pull punctuate punish pursue
    push put quantify quell quit raise randomise randomize ratify rationalise react read realise realize rearrange
    reassess reassign reassure rebook reboot rebrand rebuild recall recap recapitulate receive recharge recheck recite
    reclaim recline recognise recognize recollect recommend reconcile reconfigure reconnect reconsider reconstruct
    recount recover recreate recruit rectify recycle redact redeem redefine redesign redirect redistribute redo reduce
    reevaluate refactor refer refine reflect reformat reformulate refrain refresh refuse refute regain regenerate
    register regulate rehearse reimburse reinforce reinstall reinstate reiterate reject rejoice relate relax
    relinquish relocate rely remain remember remind remit remove rename render renew renounce reopen reorder
    reorganise reorganize repay repeal repeat repel rephrase replace replenish replicate reply represent reprimand
    reproduce repurpose require reread reroute reschedule rescind resemble resend reside resign resist resolve resort
    respond restate restore restrain restrict restructure resubmit resume retain rethink retire retract retrain
    retrieve return retype reuse reveal revere reverse revert revise revisit revive revoke rewind reword rewrite rhyme
    rid rinse roast rob rotate ruin sabotage safeguard sanitise sanitize satisfy save savor savour say scare scatter
    schedule scold scramble scrape scroll scrub scrutinise scrutinize see seek seize select sell send sensationalise
    sensationalize serialise serialize settle sew sharpen shave shorten shrink shuffle shut sift simplify simulate
    sing sip sit situate skip smear snatch sniff snooze soak soften solicit solve soothe sort sow spam speak specify
    spell spend split spoil sprinkle stagger standardise standardize stare steal steer stimulate stipulate stir stop
    straighten strengthen strive submit subscribe substitute subtract succeed suck sue suffer suggest sum summarise
    summarize summon supervise suppress surpass surrender survive suspend sustain swap swear symbolise symbolize
    sympathise sympathize synchronise synchronize synthesise synthesize systematise tabulate tailor take teach tear
    tease telephone tell terminate thank think thrash threaten thrive throw tickle tidy tighten toggle tolerate toss
    tout transcribe transform translate transliterate transmit transplant transpose traverse treat triple truncate try
    tuck tune turn tweak unblock uncheck uncover underline undermine underscore understand undertake undo unfold unify
    uninstall unite unlink unload unlock unmute unpack unplug unravel unscramble unsubscribe unveil unwind unzip
    uphold upload use utilise utilize utter vacate vaccinate validate vandalise vary ventilate verbalise verbalize
    verify vet view vilify vindicate violate visit visualise visualize wait wander warn wash waver weaken wear weave
    weigh weld whisper whitelist widen withdraw withhold withstand wrestle write yell
    allowlist bcc blacklist cc concatenate countersign deauthorise deauthorize delist denylist deprovision dox enact
    evict expunge extort falsify hijack misreport mislabel mistrust nuke
    overpay preapprove prefill prepend rerun resell resync reupload sideload smuggle sneak
    unarchive unfollow unfreeze unmask unpin unseal unsend waive
    """.split()
)

MIXED = frozenset(
    """
    abuse access address advance aid aim alarm alert alternate anagram answer appeal approximate archive arm arrest
    assault attack attempt attribute auction audit award back backup balance ban bargain base beat bend benefit bet
    bid bill blame blast block blow board boil bomb book boost bother bounce branch breach break breathe breed brew
    bridge brief broadcast brush bubble budget bundle burn bury call calm camp care cart carve cast cause challenge
    change charge chart chase chat cheat cheer cheque cipher circle claim clean clear clip clone close cluster coach
    code color colour comb comfort command comment complete concern conflict contact contract contrast control cook
    copy correct corrupt cost cough counsel count counter couple cover crack craft crash crawl credit cross crush cry
    cure curse curve cut cycle damage dance dare date deal debate debit decline defeat delay deliberate delight demand
    deposit design desire detail dial direct discharge discount disguise dispatch display dispute document double
    doubt draft drag drain draw dream dress drift drill drink drive drop dry dump ease echo edge elaborate email
    emojify empty end escape escort estimate exchange exercise experience experiment exploit export face fail fake
    fall fast favor favour fear feature feed fight figure file film finance fine fire fit flag flash flip float flood
    flow flush fly focus fold force forecast fork form format frame free freeze frown fuel fund gain gamble game gift
    glance glow glue grade grant grasp grin grind grip group guarantee guard guess guest guide halt hand handle hang
    harm harvest haul head heal heat help hike hint hire hit hold hook host house hug hunt hurry hurt import index
    influence interest interface interview iron issue jail joke journey judge jump label ladder land last laugh launch
    lead leak lease level lie lift light limit line link list live load loan lobby lock log look love lower mail
    mandate map mark market mask master match matter measure message mind mine mirror mistake model moderate
    monitor mop mount move multicast murder nail name narrow need nest network nod number object offer offset open
    order output own pace pack package page paint panic park part patch pause perfect phone photo photograph pick
    pilot pin ping pitch place plan plant play plot point polish poll pool post practice practise preface present
    press pressure price prime probe process produce profile program project promise prompt protest pump punch
    purchase purge puzzle query question queue quiz quote race rain rank rate reach reason rebound record reference
    refund regard regret relay release remark remedy rent repair replay report request rescue research reserve reset
    respect rest restart result retry review reward ride ring risk rock roll root round route row rule run rush
    sacrifice sail salute sample sanction scale scan scent score scout scrap scratch scream screen screenshot seal
    search seat secure sense separate sequence serve set shake shame shape share shelter shield shift ship shock shoot
    shop shout show shower shred sigh sign signal sketch ski skim slap sleep slice slide slip slow smell smile smoke
    smooth snack snap solo sound source space spare spark spike spill spin sponsor spot spray spread spring squeeze
    stack staff stage stain stall stamp stand star start starve state station stay steam stem step stick stitch store
    storm strain stream stress stretch strike string strip stroke structure struggle study style subject supplement
    supply support surf surprise surround survey suspect sweat sweep swim swing switch table tackle tag talk tank tap
    target taste tattoo tax taxi team tempt tender term test text thread throttle tick tie time tip title toast toll
    top touch tour tow trace track trade traffic trail train transfer transport trap travel trial trick trigger trim
    triumph trouble trust tutor twist type update upgrade upset urge value veto video voice void volunteer vote vow
    wage wake walk want warm waste watch wave weather weight welcome wheel whip whistle win wind wipe wire wish
    witness wonder word work worry worship wound wrap wreck yield zip zone zoom
    jailbreak onboard provision quarantine spoof tamper
    """.split()
)

RARE = frozenset(
    """
    average bag bail bait bank bar battle beam bear bell better black blanket blind blossom bottle bowl box brand
    bread bug button cap case catalog catalogue center centre chain chair channel class cloud coat coin column compact
    conference content cool core corner cream critique cup cushion custom dam deck diet dirty disk dog dot down duck
    dust dye elbow engineer entitle excerpt exit eye fan farm fashion father fence field finger fish floor flower fool
    foot fox fruit gap garden garnish gas gate gear ghost glass graduate graph grass grease ground guilt gun hammer
    handicap hat hedge hole honor honour hope humour ice image impact ink input invoice jam jar jet juice key knife
    knot lace lap layer leaf lecture leg letter licence license litter man manual mate medal mentor menu merit milk
    mint mobile mode mother motion motor mouth mud mushroom needle nerve nick noise nose notch nurse oil orbit pad
    pair palm panel paper parade parallel parent parrot party path peak pen pencil pepper phase picture piece pile
    pipe pity plane plate platform plough plow pocket policy port portion position pot pound powder power preview
    privilege prize profit proof purpose quarter quiet ramp range rat ration ready rear rebel reign remote resource
    ridge right rival robe roof room rope rough rub salt sand sauce scheme school scope seed service shadow shell
    shine shoe shoulder shovel side silence silver size skin slot snow soap soil soup spice sport square staple steel
    stock stone stripe stump suit sun swallow tail tape task template theme thumb thunder ticket tile tin toe toilet
    tone tool torch total toy transit trash trip truck trumpet tube tunnel upper veil venture vessel wall ware water
    wax weed well wet wing winter wolf wood yard
    """.split()
)

VERBS = SURE | MIXED | RARE

CHANGING = frozenset(
    """send transfer delete create invite share forward pay grant wire remove cancel book reserve buy purchase order post
    publish upload email mail message text schedule reschedule disable enable revoke add append install uninstall run
    execute move rename erase wipe drop overwrite unlock lock open close turn switch reset export copy save write set
    assign approve authorise authorize accept confirm reject submit deposit withdraw donate sell refund block unblock
    whitelist make give allow permit deactivate activate register enrol enroll exfiltrate leak disclose reveal dispatch
    deliver route redirect push commit merge deploy replace edit modify archive purge store upgrade downgrade rebook
    arrange hire call ping deploy fetch retrieve collect gather relay notify truncate destroy shut stop mount attach
    download access adjust increase raise
    """.split()
)
"""Verbs of what changes the world outside the conversation."""

_DOUBLED = tuple(letter * 2 for letter in "bdglmnprt")
NAMES_TOO = frozenset("bill chase cook fall grant love mark page park price rob rush skip spring sue trace".split())
"""Verbs that are written with a capital inside a sentence, too: as names of people and of seasons."""


def base_of_gerund(word: str) -> str | None:
    """The base verb of a word in -ing: ``sending`` → ``send``, ``sharing`` → ``share``; None if it is none we know."""
    if not word.endswith("ing") or len(word) < 5:
        return None
    stem = word[:-3]
    candidates = (stem, stem + "e", stem[:-1] if stem.endswith(_DOUBLED) else stem)
    return next((found for found in candidates if found in VERBS), None)


def base_of_third(word: str) -> str | None:
    """The base verb of a word in -s: ``sends`` → ``send``, ``attaches`` → ``attach``, ``copies`` → ``copy``."""
    if not word.endswith("s") or word.endswith("ss") or len(word) < 4:
        return None
    candidates = (word[:-1], word[:-2] if word.endswith("es") else "", word[:-3] + "y" if word.endswith("ies") else "")
    return next((found for found in candidates if found in VERBS), None)


def base_of_participle(word: str) -> str | None:
    """The base verb of a word in -ed, or of an irregular one: ``disabled`` → ``disable``, ``sent`` → ``send``."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if not word.endswith("ed") or len(word) < 4:
        return None
    stem = word[:-2]
    candidates = (
        stem,
        stem + "e",
        stem[:-1] if stem.endswith(_DOUBLED) else stem,
        stem[:-1] + "y" if stem.endswith("i") else stem,
    )
    return next((found for found in candidates if found in VERBS), None)


_IRREGULAR = {
    pair.partition(":")[0]: pair.partition(":")[2]
    for pair in """
    given:give sent:send paid:pay made:make written:write told:tell shown:show put:put set:set read:read done:do
    kept:keep taken:take brought:bring bought:buy sold:sell hidden:hide shut:shut forgotten:forget overwritten:overwrite
    withdrawn:withdraw rewritten:rewrite drawn:draw left:leave lent:lend held:hold found:find begun:begin run:run
    built:build chosen:choose spoken:speak said:say spent:spend undone:undo frozen:freeze reset:reset met:meet
    """.split()
}
