//! How many records a mapping will write, and how many will wait, as far as the audit knows.

use indexmap::IndexMap;

use super::{super::audit::ObjectAudit, Audit, Expected};
use crate::{FieldConcept, FieldLine, FieldSchema, Mapping, ObjectSchema, Plan, Predicate};

impl Expected {
    /// Records that will be written at most.
    pub fn written(&self) -> u64 {
        self.records.saturating_sub(self.excluded).saturating_sub(self.merged)
    }
}

pub(super) fn expected(plan: &Plan, mapping: &Mapping, audit: &Audit) -> Expected {
    let none = ObjectAudit::default();
    let found = audit.objects.get(&mapping.from).unwrap_or(&none);
    let from = audit.source.schema.object(&mapping.from);
    let (records, exact) = match &mapping.when {
        None => (found.records, true),
        Some(when) => counted(when, found, from),
    };
    let mut held = IndexMap::new();
    let mut hold = |reason: String, count: u64| {
        if count > 0 {
            *held.entry(reason).or_default() += count;
        }
    };
    hold("a value fits several records or none".to_owned(), found.doubtful);
    hold("above itself by its parents".to_owned(), found.in_cycles);
    hold("too large a file".to_owned(), found.oversize.as_ref().map_or(0, |oversize| oversize.files));
    let target = |line: &FieldLine| {
        audit.destination.schema.object(&mapping.to).and_then(|object| object.fields.get(line.to.as_str()))
    };
    let has_owner = audit
        .destination
        .schema
        .object(&mapping.to)
        .and_then(|object| object.by_concept(FieldConcept::Owner))
        .is_some_and(|field| field.writable);
    if has_owner {
        let line = mapping
            .fields
            .iter()
            .any(|line| target(line).is_some_and(|field| field.concept == Some(FieldConcept::Owner)));
        let without = if line { found.unowned } else { found.records };
        hold("no owner".to_owned(), if plan.owners.unowned.is_some() { 0 } else { without });
        let owners = found.owners.iter().filter(|(owner, _)| line && !resolved(plan, audit, owner));
        hold("owner without a member".to_owned(), owners.map(|(_, count)| count).sum());
    }
    for line in &mapping.fields {
        if let Some(from) = from {
            hold(format!("value not in the table of {}", line.id), unmapped(line, found, from));
        }
        let required = line.required || target(line).is_some_and(|field| field.required);
        if let ([one], Some(_), true) = (&line.from[..], &line.link, required) {
            hold(
                format!("{} leads to a record that is not there", line.to),
                found.dangling.get(one).copied().unwrap_or(0),
            );
        }
        if let ([one], true) = (&line.from[..], required && line.transforms.is_empty()) {
            let missing = found.fields.get(one).map_or(0, |profile| profile.missing);
            hold(format!("no value for {}", line.to), missing);
        }
    }
    Expected {
        mapping: mapping.id.clone(),
        records,
        exact,
        excluded: mapping.exclude.len() as u64,
        merged: mapping.merge.len() as u64,
        held,
    }
}

fn resolved(plan: &Plan, audit: &Audit, owner: &str) -> bool {
    let user = audit.users.iter().find(|user| user.id == *owner || user.name.as_deref() == Some(owner));
    let names = [Some(owner), user.and_then(|user| user.email.as_deref()), user.and_then(|user| user.name.as_deref())];
    let aliased = names.into_iter().flatten().any(|name| plan.owners.aliases.contains_key(name));
    aliased || plan.owners.fallback.is_some() || audit.has_member(owner)
}

/// Records with a value that a value map would hold; 0 where the audit did not keep all values.
fn unmapped(line: &FieldLine, found: &ObjectAudit, from: &ObjectSchema) -> u64 {
    let ([one], Some(call)) = (&line.from[..], line.transforms.first()) else { return 0 };
    let arguments = &call.arguments;
    let table = arguments.get("map").filter(|map| map.is_object()).unwrap_or(arguments);
    let otherwise = table != arguments
        && (arguments.get("default").is_some() || arguments.get("otherwise").is_some_and(|word| word != "hold"));
    let (Some(table), Some(profile)) = (table.as_object(), found.fields.get(one)) else { return 0 };
    if call.name != "value_map" || otherwise {
        return 0;
    }
    let fold = |text: &str| text.trim().to_lowercase();
    let known = |value: &str| {
        let label = label_of(value, from.fields.get(one));
        table.keys().any(|key| fold(key) == fold(label))
    };
    profile.top.iter().filter(|(value, _)| !known(value)).map(|(_, count)| count).sum()
}

fn label_of<'a>(value: &'a str, field: Option<&'a FieldSchema>) -> &'a str {
    let option = field.and_then(|field| field.options.iter().find(|option| option.id == value));
    option.map_or(value, |option| &option.label)
}

/// Records that a condition lets through, if the audit kept enough to count them.
fn counted(when: &Predicate, found: &ObjectAudit, from: Option<&ObjectSchema>) -> (u64, bool) {
    let Some(profile) = found.fields.get(&when.field) else { return (found.records, false) };
    let field = from.and_then(|from| from.fields.get(&when.field));
    let among =
        |texts: &[String], value: &str| texts.iter().any(|text| text == value || text == label_of(value, field));
    if when.one_of.is_empty() && when.none_of.is_empty() {
        return match when.filled {
            Some(true) => (profile.filled, true),
            Some(false) => (profile.missing, true),
            None => (found.records, true),
        };
    }
    if !profile.is_complete() {
        return (found.records, false);
    }
    let passes = |value: &str| (when.one_of.is_empty() || among(&when.one_of, value)) && !among(&when.none_of, value);
    let with: u64 = profile.top.iter().filter(|(value, _)| passes(value)).map(|(_, count)| count).sum();
    let without = if passes("") && when.filled != Some(true) { profile.missing } else { 0 };
    (if when.filled == Some(false) { without } else { with + without }, true)
}
