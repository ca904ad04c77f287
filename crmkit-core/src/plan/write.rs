//! A plan as TOML that people read and edit.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value as Json;

use super::{FieldLine, Mapping, Plan};

/// The plan as TOML.
pub(super) fn plan(plan: &Plan) -> String {
    let mut to = Writing::default();
    to.comment("The map from one CRM to another. Nothing is written before a person approved it.");
    to.comment("Every edit may raise the revision; confidence, reason and badge are for people and change nothing.");
    to.entry("format", &plan.format);
    to.entry("version", &plan.version);
    to.entry("revision", &plan.revision);
    to.gap();
    to.note(plan.time_zone.is_some(), "The zone of times that carry none.");
    to.entry("time_zone", &plan.time_zone);
    to.note(plan.date_zone.is_some(), "The zone in which a moment becomes a day.");
    to.entry("date_zone", &plan.date_zone);
    to.note(plan.currency.is_some(), "The currency of amounts that carry none.");
    to.entry("currency", &plan.currency);
    to.comment("The largest share of held records with which a phase counts as clean.");
    to.entry("stop_when", &plan.stop_when);
    to.note(!plan.accept.is_empty(), "Codes of blocking findings that a person takes on.");
    to.list("accept", &plan.accept);

    to.header("[source]");
    to.entry("kind", &plan.source.kind);
    to.entry("instance", &plan.source.instance);
    to.header("[destination]");
    to.entry("kind", &plan.destination.kind);
    to.entry("instance", &plan.destination.instance);

    to.gap();
    to.comment(
        "Who owns what arrives, by e-mail: fallback for owners without a match, unowned for records without owner.",
    );
    to.comment("Without them such records are held.");
    to.line("[owners]");
    to.entry("fallback", &plan.owners.fallback);
    to.entry("unowned", &plan.owners.unowned);
    if !plan.owners.aliases.is_empty() {
        to.header("[owners.aliases]");
        plan.owners.aliases.iter().for_each(|(from, email)| to.entry(&key(from), email));
    }

    to.gap();
    to.comment("The trial run: how many records, whether they stay, and what makes the choice repeatable.");
    to.line("[sample]");
    to.entry("size", &plan.sample.size);
    to.entry("keep", &plan.sample.keep);
    to.entry("seed", &plan.sample.seed);

    to.gap();
    to.comment("A record that changed at both ends since it was written: keep_theirs, take_ours or hold.");
    to.line("[delta]");
    to.entry("conflict", &plan.delta.conflict);
    to.comment(
        "A record that is gone at the source: report or remove; above this share of an object a person decides.",
    );
    to.entry("gone", &plan.delta.gone);
    to.entry("shrink", &plan.delta.shrink);

    to.gap();
    to.comment("Hours after the last writing pass in which everything can be taken back.");
    to.line("[rollback]");
    to.entry("window_hours", &plan.rollback.window_hours);

    to.part(
        !plan.questions.is_empty(),
        "What a person has to answer. A question without an answer blocks the approval.",
    );
    for question in &plan.questions {
        to.header("[[questions]]");
        to.entry("id", &question.id);
        to.text("about", &question.about);
        to.entry("text", &question.text);
        to.list("choices", &question.choices);
        to.entry("answer", &question.answer);
    }
    to.part(!plan.pipelines.is_empty(), "Pipelines to make, with their stages in order.");
    for pipeline in &plan.pipelines {
        to.header("[[pipelines]]");
        to.entry("object", &pipeline.object);
        to.entry("name", &pipeline.name);
        to.entry("use_existing", &pipeline.use_existing);
        to.rows("stages", &pipeline.stages);
    }
    to.part(!plan.objects.is_empty(), "Custom objects to make; mappings and fields name one as \"custom:<id>\".");
    for object in &plan.objects {
        to.header("[[objects]]");
        to.entry("id", &object.id);
        to.entry("name", &object.name);
        to.entry("use_existing", &object.use_existing);
    }
    to.part(!plan.fields.is_empty(), "Custom fields to make; a line's `to` names one as \"custom:<id>\".");
    for field in &plan.fields {
        to.header("[[fields]]");
        to.entry("id", &field.id);
        to.entry("object", &field.object);
        to.entry("name", &field.name);
        to.entry("type", &field.ty);
        to.list("options", &field.options);
        to.entry("use_existing", &field.use_existing);
    }
    to.part(!plan.items.is_empty(), "What pick-lists and the like need; what is there under the same name is taken.");
    for item in &plan.items {
        to.header("[[items]]");
        to.entry("kind", &item.kind);
        to.entry("object", &item.object);
        to.entry("field", &item.field);
        to.list("names", &item.names);
        if !item.conditions.is_empty() {
            to.rows("conditions", &item.conditions);
        }
    }
    to.part(!plan.mappings.is_empty(), "Which object feeds which. A mapping's id never changes after the first write.");
    plan.mappings.iter().for_each(|mapping| to.mapping(mapping));
    to.0
}

#[derive(Default)]
struct Writing(String);

impl Writing {
    fn mapping(&mut self, mapping: &Mapping) {
        self.header("[[mappings]]");
        self.entry("id", &mapping.id);
        self.entry("from", &mapping.from);
        self.entry("to", &mapping.to);
        self.list("exclude", &mapping.exclude);
        self.entry("when", &mapping.when);
        self.entry("matching", &mapping.matching);
        if mapping.fields.is_empty() {
            self.line("fields = []");
        }
        if !mapping.merge.is_empty() {
            self.comment("Reviewed duplicates, each with the record that stands for it.");
            self.line("[mappings.merge]");
            mapping.merge.iter().for_each(|(from, into)| self.entry(&key(from.as_str()), into));
        }
        mapping.fields.iter().for_each(|line| self.field(line));
    }

    fn field(&mut self, line: &FieldLine) {
        self.gap();
        self.comment(&explained(line));
        self.line("[[mappings.fields]]");
        self.entry("id", &line.id);
        match &line.from[..] {
            [] => {}
            [one] => self.entry("from", one),
            several => self.entry("from", &several),
        }
        self.entry("to", &line.to);
        match &line.transforms[..] {
            [] => {}
            [one] => self.entry("transforms", &[one]),
            several => self.rows("transforms", several),
        }
        self.entry("link", &line.link);
        if !line.unresolved.is_default() {
            self.entry("unresolved", &line.unresolved);
        }
        if line.required {
            self.entry("required", &true);
        }
        if !line.overwrite.is_default() {
            self.entry("overwrite", &line.overwrite);
        }
        self.entry("badge", &line.badge);
        self.entry("confidence", &line.confidence);
        self.entry("reason", &line.reason);
        self.entry("origin", &line.origin);
    }

    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn gap(&mut self) {
        self.line("");
    }

    fn comment(&mut self, text: &str) {
        self.line(&format!("# {text}"));
    }

    fn note(&mut self, wanted: bool, text: &str) {
        if wanted {
            self.comment(text);
        }
    }

    fn part(&mut self, wanted: bool, text: &str) {
        if wanted {
            self.gap();
            self.comment(text);
        }
    }

    fn header(&mut self, header: &str) {
        if !self.0.ends_with("\n\n") && !self.ends_with_comment() {
            self.gap();
        }
        self.line(header);
    }

    fn ends_with_comment(&self) -> bool {
        self.0.lines().next_back().is_some_and(|line| line.starts_with('#'))
    }

    /// An entry with a value; nothing for `null`.
    fn entry(&mut self, key: &str, value: &(impl Serialize + ?Sized)) {
        let json = serde_json::to_value(value).expect("plans are serialisable");
        if !json.is_null() {
            self.line(&format!("{key} = {}", inline(&json)));
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.entry(key, value);
        }
    }

    fn list(&mut self, key: &str, values: &[impl Serialize]) {
        if !values.is_empty() {
            self.entry(key, values);
        }
    }

    /// A list with one entry a line.
    fn rows(&mut self, key: &str, values: &[impl Serialize]) {
        if values.is_empty() {
            return self.line(&format!("{key} = []"));
        }
        self.line(&format!("{key} = ["));
        for value in values {
            let json = serde_json::to_value(value).expect("plans are serialisable");
            self.line(&format!("  {},", inline(&json)));
        }
        self.line("]");
    }
}

/// What a line does, in one line.
fn explained(line: &FieldLine) -> String {
    let from: Vec<&str> = line.from.iter().map(|name| name.as_str()).collect();
    let from = if from.is_empty() { "every record".to_owned() } else { from.join(", ") };
    let through: Vec<&str> = line.transforms.iter().map(|call| call.name.as_str()).collect();
    let through = if through.is_empty() { String::new() } else { format!(", through {}", through.join(", ")) };
    let link = line.link.as_ref().map(|link| format!(", as a link to what {link} writes")).unwrap_or_default();
    let sure = line.confidence.map(|sure| format!(" ({:.0} % sure)", sure * 100.0)).unwrap_or_default();
    // A comment ends with its line.
    format!("{from} to {}{through}{link}{sure}", line.to).replace(char::is_control, " ")
}

fn inline(json: &Json) -> String {
    match json {
        Json::Null => "\"\"".to_owned(),
        Json::Bool(yes) => yes.to_string(),
        Json::Number(number) => number.to_string(),
        Json::String(text) => quoted(text),
        Json::Array(values) => {
            let values: Vec<String> = values.iter().filter(|value| !value.is_null()).map(inline).collect();
            format!("[{}]", values.join(", "))
        }
        Json::Object(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| format!("{} = {}", key(name), inline(value)))
                .collect();
            if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
        }
    }
}

fn key(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}
