"""Words of user stories, sorted as the rules look them up."""

from quality.text import word_set

#: Verbs that are hardly ever nouns in a story.
PLAIN_VERBS = word_set(
    "accept activate add adjust administer administrate aggregate allow annotate apply approve "
    "archive arrange ask assess assign associate attach authenticate authorise authorize avoid "
    "become begin borrow browse build buy calculate cancel categorise categorize choose "
    "classify clean collect combine compare compile compute conduct configure confirm connect "
    "continue contribute convert create customise customize deactivate decide decline define "
    "delete deliver deploy derive describe deselect designate determine develop disable "
    "discover dismiss distinguish distribute divide edit embed enable enrol enroll ensure "
    "enter evaluate examine execute explain explore expose extend extract fetch find follow "
    "generate get give hide identify implement improve include inform insert inspect install "
    "integrate invite join keep learn leave lend let load locate login maintain make manage "
    "merge migrate moderate modify navigate notify obtain operationalize organise organize "
    "overwrite pay perform personalise personalize pick pin prepare prepopulate preserve "
    "prevent prioritise prioritize produce promote protect prove provide publish put rate read "
    "rearrange receive recognise recognize recommend reconfigure recover redact redesign "
    "refuse regenerate register reject reload remove rename renew reopen repeat replace "
    "replicate reply resend reserve resolve respond restore restrict retrieve reuse revert "
    "revoke rotate save see select send share simulate specify store submit subscribe suggest "
    "suspend synchronise synchronize take tell terminate trigger undelete undo uninstall "
    "unlink unpublish unsubscribe utilise utilize validate verify visualise visualize write"
)
#: Verbs that are nouns as often: only what stands around them tells.
NOUN_VERBS = word_set(
    "access address alias back block book change check clear comment complete contact copy "
    "correct date delegate design display document download draft drag duplicate email export "
    "file filter format forward group handle highlight import index interact issue label "
    "launch limit link list lock log mark measure monitor move note open order package plan "
    "post present preview print process purchase push query record refresh report request "
    "reset result review run scan schedule score scroll search sell set show sign sort split "
    "start stop stream support tag test track train transfer translate update upgrade upload "
    "use view visit vote"
)
VERBS = PLAIN_VERBS | NOUN_VERBS

#: Participles that do not end in -ed.
IRREGULAR_PARTICIPLES = word_set(
    "built chosen done found given hidden kept known made paid put read run seen sent set "
    "shown sold split stored taken told written"
)
#: What an object begins with.
DETERMINERS = word_set(
    "a an all another any both each either every existing her him his it its many me more "
    "multiple my new no one other others our own several some specific that the their them "
    "these this those two three us which your"
)
#: What may stand between a conjunction and its verb.
FILLERS = word_set(
    "also automatically directly easily either even if immediately later manually only "
    "optionally possibly quickly then thereby thus"
)
#: Behind these another clause begins, whose verbs are not the role's.
CONDITIONS = word_set(
    "after although because before if once since though unless until when whenever while"
)
SUBORDINATORS = CONDITIONS | word_set("how that what where whether which who whom whose why")
#: Wanting to know two facts is one want.
KNOWING_VERBS = word_set(
    "know learn see understand determine decide check find discover identify ensure"
)
#: Two verbs that are one act.
ONE_ACT = frozenset(
    {
        ("drag", "drop"),
        ("copy", "paste"),
        ("cut", "paste"),
        ("find", "replace"),
        ("log", "out"),
        ("sign", "out"),
        ("plug", "play"),
        ("go", "see"),
        ("come", "see"),
        ("try", "see"),
    }
)
#: Too coarse to plan, when hardly more is said than these and an object.
COARSE_VERBS = word_set(
    "manage administer administrate conduct coordinate handle maintain organise organize "
    "oversee perform prepare satisfy support integrate"
)
COARSE_NOUNS = word_set("integration platform portal solution system suite ecosystem client")
