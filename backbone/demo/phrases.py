"""What the made-up issues of a car maker and its suppliers are made of; companies, parts and numbers are invented."""

# ruff: noqa: RUF001  # letters that look like others are what these texts are for

COMPONENTS = (
    "brake control unit",
    "wiring harness",
    "infotainment head unit",
    "test bench",
    "battery management",
    "door module",
    "steering angle sensor",
    "gateway controller",
    "climate control",
    "parking camera",
    "instrument cluster",
    "charging inlet",
    "air spring compressor",
    "seat heating",
    "rain and light sensor",
    "telematics unit",
    "headlamp leveller",
    "electric parking brake",
    "wiper motor",
    "key fob receiver",
)

SYMPTOMS = (
    "resets",
    "loses its calibration",
    "reports a false over-temperature",
    "does not wake up",
    "draws 40 mA too much",
    "sends stale frames",
    "rattles between 40 and 60 Hz",
    "stores a sporadic fault",
    "ignores the diagnostic session",
    "answers too late",
    "shows the wrong unit",
    "corrodes at pin 14",
    "fails the salt spray test",
    "freezes on the second boot",
    "drops the CAN FD link",
    "lets water in",
)

CONDITIONS = (
    "after a cold start at −25 °C",
    "during a software update over the air",
    "when the ignition is cycled quickly",
    "above 3,000 m",
    "with the trailer module plugged in",
    "in the 48-hour endurance run",
    "on right-hand-drive cars only",
    "when the battery falls below 9.6 V",
    "since delivery week 23",
    "in the EMC chamber at 400 MHz",
    "if the mirror is folded at the same time",
    "at the end of line in plant 2",
)

TITLES = (
    "{component} {symptom} {condition}",
    "{Component}: {symptom} {condition}",
    "{Component} {symptom}",
    "[{variant}] {component} {symptom}",
    "Change request: {component}, drawing index {index}",
    "Clarify the interface of the {component} ({variant})",
    "8D report missing: {component} {symptom}",
    "Prüfstand: {component} {symptom} {condition}",
    "Sample {index} of the {component} rejected at incoming inspection",
    "{component}: specification contradicts the test plan, section {section} <draft> & annex",
    "ブレーキ制御: {component} {symptom}",
    "Жгут проводов: {component} {symptom}",
    "{component} {symptom} " + "and the deviation list grows " * 5 + "{condition}",
)

OPENINGS = (
    "The {component} {symptom} {condition}.",
    "We see this on {few} of {many} cars: the {component} {symptom}.",
    "Supplier's view: the {component} is within the specification, yet it {symptom}.",
    "Found in the review of *{variant}*: the {component} {symptom} {condition}.",
    "Our line stopped twice this week because the {component} {symptom}.",
)

SENTENCES = (
    "It cannot be reproduced with sample {index}.",
    "The trace shows a gap of {few} ms before the first frame.",
    "Measured with the **calibrated** meter of laboratory {few}; the tolerance is ±{few} %.",
    "Please confirm by the next sample phase, otherwise the date for {variant} moves.",
    "See section {section} of the requirement specification.",
    "Der Fehler tritt nur bei größerer Feuchtigkeit auf; die Prüfung läuft über das Wochenende.",
    "Die Zuständigkeit für die Änderung ist noch zu klären (Einkauf, Qualität, Prüffeld).",
    "The same part number is used in three other cars, none of them is affected.",
    "A work-around exists: pull fuse F{few}, wait a minute, and start again.",
    "`DTC 0x{index}` is stored, status byte `0x2F`.",
    "The drawing says 12 Nm, the work instruction says 9 Nm.",
    "Costs and date of a tool change are with purchasing.",
)

FOREIGN = (
    "再現手順：エンジンを切り、五分待ってから再起動すると警告灯が点灯します。",
    "Ошибка появляется только при отрицательной температуре; журнал приложен.",
    "复现率约为百分之三，更换线束后未再出现。",
    "يظهر الخطأ بعد تحديث البرنامج فقط.",
    "Το σφάλμα εμφανίζεται μόνο στο δεξί μπροστινό φρένο.",
    "Vždy až po druhém startu; měření přiloženo. Żółta lampka świeci dłużej niż 3 s.",
    "हर दूसरी बार चालू करने पर चेतावनी आती है।",
    "Same here 🚗🔧 – every second car on the lot.",
)

CODE = (
    "```c\nif (voltage_mv < {many}) {{\n    request_safe_state(REASON_{few});\t/* section {section} */\n}}\n```",
    (
        "```\n{few}.00{few}  1  18F{index}x  Rx  d 8  00 {few} FF FF 0A 00 00 7E\n"
        "{few}.01{few}  1  18F{index}x  Rx  d 8  00 00 00 00 00 00 00 00\n```"
    ),
    '```json\n{{"variant": "{variant}", "samples": {few}, "limit": {many}, "passed": false}}\n```',
    "```python\nassert bench.read('U_batt') > 9.{few}, \"dropped\\n\"\n```",
)

TABLE = "| sample | value | limit |\n|---|---:|---:|\n| {index} | {few} | {many} |\n| reference | {many} | {many} |"

STEPS = (
    "## Steps\n\n1. Soak the car for {few} hours.\n2. Unlock, *do not* open a door.\n3. Read the fault memory.\n\n"
    "**Expected:** no entry. **Seen:** `0x{index}`, {few} times.\n\n> The limit in section {section} is not reached."
)

REMARKS = (
    "Confirmed.",
    "Cannot confirm with index {index}.",
    "@{person} could you look at the trace, please?",
    "Analysis at the supplier is done: a cold solder joint. 8D will follow.",
    "> Please confirm by the next sample phase\n\nConfirmed for the {component}, not for {variant}.",
    "Moved to the next integration level.",
    "Root cause: the {component} expects the frame every {few} ms, we send it every {many} ms.",
    "Wir prüfen das am Prüfstand und melden uns bis Übermorgen.",
    "New software {section} is on the share, please retest.",
    "Retested with {section}: {few} of {many} runs failed.",
    "* tool change: {many} days\n* new sample: {few} weeks\n* approval: open",
    "Is this a duplicate? The {component} had something similar {condition}.",
)

LABELS = (
    "safety",
    "supplier",
    "hardware",
    "software",
    "needs 8D",
    "Prüfstand",
    "sample B",
    "sample C",
    "emc",
    "end of line",
    "change request",
    "recall risk",
    "日本",
    "cost",
)

VARIANTS = ("Ardena 3 estate", "Ardena 5", "Ardena 5 RHD", "Kestrel van", "Kestrel van long", "platform M2")

STATUSES = (
    *("open",) * 5,
    *("in progress",) * 3,
    *("closed",) * 6,
    "in review",
    "testing",
    "need info",
    "deferred",
)
"""As often as each shall be drawn."""

PRIORITIES = ("critical", "high", "high", "medium", "medium", "medium", "low", "low", "trivial", "")
