//! How much work a move is: the grade, the factors behind it, how many objects simply go over, and how long it takes.

use serde::{Deserialize, Serialize};

use super::{Audit, Efforts, ReviewOptions};
use crate::{Badge, Mapping, ObjectConcept, ObjectName, ObjectSchema, Permission, Plan};

/// How much work a move is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grade {
    /// `A` to `D`.
    pub letter: char,
    /// `Simple`, `Standard`, `Moderate` or `Complex`.
    pub label: String,
    /// Why.
    pub reason: String,
    /// What it was judged by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<Factor>,
}

/// One of the things that a grade is judged by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// Which.
    pub kind: FactorKind,
    /// How it weighs.
    pub weight: FactorWeight,
    /// What was found.
    pub finding: String,
}

/// What a grade is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorKind {
    /// How many of the usual kinds of objects do not simply go over.
    Objects,
    /// How sure the field lines are.
    Fields,
    /// How long it takes.
    Timeline,
    /// What both interfaces allow.
    Limits,
    /// How much there is.
    Volume,
}

impl FactorKind {
    /// Its name in reports.
    pub fn label(self) -> &'static str {
        match self {
            Self::Objects => "object compatibility",
            Self::Fields => "field-mapping clarity",
            Self::Timeline => "timeline",
            Self::Limits => "API constraints",
            Self::Volume => "data volume",
        }
    }
}

/// How a factor weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactorWeight {
    /// Nothing to plan for.
    Light,
    /// The usual work.
    Normal,
    /// Plan for it.
    Heavy,
}

/// How many objects simply go over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compatibility {
    /// Objects that are one to one.
    pub one_to_one: u64,
    /// All objects with records.
    pub objects: u64,
    /// Each of them.
    pub each: Vec<ObjectFit>,
}

/// What becomes of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFit {
    /// The source object.
    pub object: ObjectName,
    /// Where its records go.
    pub to: Vec<ObjectName>,
    /// How the two relate; none where it stays behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<Badge>,
}

/// How long the move takes from the first sample to the end, with the people in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline {
    /// Hours at least.
    pub least_hours: u64,
    /// Hours at most.
    pub most_hours: u64,
    /// What makes it so long.
    pub reasons: Vec<String>,
}

impl Timeline {
    /// `24-72 h`, `1-2 weeks`.
    pub fn label(&self) -> String {
        const WEEK: u64 = 7 * 24;
        if self.least_hours >= WEEK {
            format!("{}-{} weeks", self.least_hours / WEEK, self.most_hours.div_ceil(WEEK))
        } else {
            format!("{}-{} h", self.least_hours, self.most_hours)
        }
    }
}

/// The kinds of objects that a grade counts.
const KINDS: [ObjectConcept; 8] = [
    ObjectConcept::Organization,
    ObjectConcept::Person,
    ObjectConcept::Lead,
    ObjectConcept::Deal,
    ObjectConcept::Activity,
    ObjectConcept::Note,
    ObjectConcept::File,
    ObjectConcept::CustomObject,
];

/// What was found about the plan's objects and lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judging<'a> {
    pub(super) plan: &'a Plan,
    pub(super) audit: &'a Audit,
    pub(super) options: &'a ReviewOptions,
    pub(super) efforts: &'a Efforts,
}

impl Judging<'_> {
    pub(super) fn compatibility(&self) -> Compatibility {
        let with_records = |object: &&ObjectSchema| self.audit.records(&object.name) > 0;
        let each: Vec<ObjectFit> =
            self.audit.source.schema.objects.values().filter(with_records).map(|object| self.fit(object)).collect();
        let one_to_one = each.iter().filter(|fit| fit.badge == Some(Badge::OneToOne)).count() as u64;
        Compatibility { one_to_one, objects: each.len() as u64, each }
    }

    fn fit(&self, object: &ObjectSchema) -> ObjectFit {
        use ObjectConcept as O;
        let mappings: Vec<&Mapping> = self.plan.mappings.iter().filter(|mapping| mapping.from == object.name).collect();
        let same = |mapping: &Mapping| {
            self.audit.destination.schema.object(&mapping.to).is_some_and(|to| to.concept == object.concept)
        };
        let badge = match (object.concept, &mappings[..]) {
            // These are matched, or made before any record moves.
            (Some(O::User | O::Pipeline | O::Stage | O::Tag), []) => Some(Badge::OneToOne),
            (Some(O::Automation | O::Segment), []) => Some(Badge::GuideOnly),
            (_, []) => None,
            (Some(O::CustomObject), [one]) if !same(one) => Some(Badge::Folded),
            (_, [one]) if same(one) => Some(Badge::OneToOne),
            (_, [_]) => Some(Badge::Lossy),
            (_, [_, _, ..]) => Some(Badge::OneToMany),
        };
        ObjectFit {
            object: object.name.clone(),
            to: mappings.iter().map(|mapping| mapping.to.clone()).collect(),
            badge,
        }
    }

    /// How many of the usual kinds of objects do not simply go over.
    fn needing(&self) -> u64 {
        let objects = |kind: ObjectConcept| {
            self.audit.source.schema.objects.values().filter(move |object| object.concept == Some(kind))
        };
        let needs = |kind: &&ObjectConcept| {
            objects(**kind).filter(|object| self.audit.records(&object.name) > 0).any(|object| {
                let mut mappings = self.plan.mappings.iter().filter(|mapping| mapping.from == object.name).peekable();
                let plain = |mapping: &Mapping| {
                    let to = self.audit.destination.schema.object(&mapping.to).and_then(|to| to.concept);
                    let badge = |badge: Option<Badge>| {
                        badge.is_none_or(|badge| matches!(badge, Badge::OneToOne | Badge::Folded))
                    };
                    to == Some(**kind) && mapping.fields.iter().all(|line| badge(line.badge))
                };
                mappings.peek().is_none() || !mappings.all(plain)
            })
        };
        KINDS.iter().filter(needs).count() as u64
    }

    fn records(&self) -> u64 {
        self.audit.objects.values().map(|object| object.records).sum()
    }

    pub(super) fn grade(&self) -> Grade {
        let needing = self.needing();
        let records = self.records();
        let large = records > self.options.large;
        let unconfirmed = records == 0;
        let step = match needing {
            0..=1 => 0,
            2..=3 => 1,
            4..=6 => 2,
            _ => 3,
        };
        let step = if large || unconfirmed { (step + 1).min(3) } else { step };
        let (letter, label) = [('A', "Simple"), ('B', "Standard"), ('C', "Moderate"), ('D', "Complex")][step];
        let more = match (large, unconfirmed) {
            (true, _) => format!("; one step up for more than {} records", self.options.large),
            (_, true) => "; one step up because neither an interface nor an export gave any record".to_owned(),
            _ => String::new(),
        };
        let factors = vec![
            self.objects(needing),
            self.fields(),
            self.timeline_factor(letter),
            self.limits(),
            self.volume(records, large),
        ];
        let reason = format!("{needing} of {} kinds of objects need a mapping{more}", KINDS.len());
        Grade { letter, label: label.to_owned(), reason, factors }
    }

    fn objects(&self, needing: u64) -> Factor {
        let weight = match needing {
            0..=1 => FactorWeight::Light,
            2..=3 => FactorWeight::Normal,
            _ => FactorWeight::Heavy,
        };
        let finding = format!("{needing} of {} kinds of objects need a mapping", KINDS.len());
        Factor { kind: FactorKind::Objects, weight, finding }
    }

    fn fields(&self) -> Factor {
        let lines = || self.plan.mappings.iter().flat_map(|mapping| &mapping.fields);
        let all = lines().count();
        let sure = lines().filter(|line| line.confidence.is_none_or(|sure| sure >= self.options.sure)).count();
        let open = self.plan.questions.iter().filter(|question| question.answer.is_none()).count();
        let weight = match (all - sure, open) {
            (0, 0) => FactorWeight::Light,
            (unsure, _) if 4 * unsure > all => FactorWeight::Heavy,
            _ => FactorWeight::Normal,
        };
        let finding = format!(
            "{sure} of {all} lines are sure, {open} questions are open; by default until the sample confirms it"
        );
        Factor { kind: FactorKind::Fields, weight, finding }
    }

    fn timeline_factor(&self, letter: char) -> Factor {
        let timeline = self.timeline(letter);
        let weight = match timeline.most_hours {
            0..=72 => FactorWeight::Light,
            73..=168 => FactorWeight::Normal,
            _ => FactorWeight::Heavy,
        };
        Factor { kind: FactorKind::Timeline, weight, finding: format!("{} from end to end", timeline.label()) }
    }

    fn limits(&self) -> Factor {
        // Files in a folder have no limits.
        let files = self.audit.source.schema.objects.values().all(|object| object.repeatable);
        let source = if files {
            "the source is read from files"
        } else {
            "the source publishes no limits, usual ones are assumed and to be confirmed"
        };
        let (destination, weight) = match (&self.audit.destination.allowance, self.efforts.days) {
            (Some(_), Some(days)) if days > 1 => {
                (format!("the destination's limits spread the run over {days} days"), FactorWeight::Heavy)
            }
            (Some(_), _) => ("the destination's limits leave the run in one day".to_owned(), FactorWeight::Light),
            (None, _) => ("the destination tells no limits".to_owned(), FactorWeight::Normal),
        };
        let weight = if files { weight } else { weight.max(FactorWeight::Normal) };
        Factor { kind: FactorKind::Limits, weight, finding: format!("{source}; {destination}") }
    }

    fn volume(&self, records: u64, large: bool) -> Factor {
        let (weight, more) = match records {
            _ if large => (FactorWeight::Heavy, "; scope it individually"),
            0..=50_000 => (FactorWeight::Light, ""),
            _ => (FactorWeight::Normal, ""),
        };
        Factor { kind: FactorKind::Volume, weight, finding: format!("{records} records{more}") }
    }

    /// By rules: a base for every grade, and more for what people have to do meanwhile and for the account's limits.
    pub(super) fn timeline(&self, letter: char) -> Timeline {
        use ObjectConcept as O;
        const WEEK: u64 = 7 * 24;
        let (mut least, mut most) = match letter {
            'A' | 'B' => (24, 72),
            'C' => (WEEK, 2 * WEEK),
            _ => (2 * WEEK, 4 * WEEK),
        };
        let mut reasons = vec![format!("grade {letter}")];
        let destination = &self.audit.destination;
        let held = self.audit.objects.values().flat_map(|object| object.owners.keys());
        let by_hand =
            destination.permissions.get("pipelines") == Some(&Permission::No) && !self.plan.pipelines.is_empty();
        let invite = held.clone().any(|owner| !self.audit.has_member(owner)) && self.plan.owners.fallback.is_none();
        if letter <= 'B' && (by_hand || invite) {
            least = 48;
            reasons.push("people make pipelines or invite members first".to_owned());
        }
        let guided = |object: &&ObjectSchema| {
            matches!(object.concept, Some(O::Automation | O::Segment)) && self.audit.records(&object.name) > 0
        };
        if self.audit.source.schema.objects.values().any(|object| guided(&object)) {
            (least, most) = (least.max(3 * WEEK), most.max(5 * WEEK));
            reasons.push("automations or segments are rebuilt by people from guides".to_owned());
        }
        if let Some(days) = self.efforts.days.filter(|days| *days > 1) {
            (least, most) = (least + 24 * (days - 1), most + 24 * (days - 1));
            reasons.push(format!("the account's limits spread the run over {days} days"));
        }
        Timeline { least_hours: least, most_hours: most, reasons }
    }
}
