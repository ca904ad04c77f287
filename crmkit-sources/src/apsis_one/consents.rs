//! A profile's consents, folded per channel into a yes or no with its time, and kept one by one beside it.

use crmkit_core::{
    FieldName, Value,
    chrono::{DateTime, Utc},
};
use serde_json::{Value as Json, json};

use super::{catalog::Catalog, wire};

const EMAIL: &str = "com.apsis1.channels.email";
const SMS: &str = "com.apsis1.channels.sms";

/// What a channel's consents come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Folded {
    /// Nothing where nobody ever said anything.
    pub(super) given: Option<bool>,
    /// When the last of the records that decided it was changed.
    pub(super) at: Option<DateTime<Utc>>,
}

/// Folds the consents of one channel.
///
/// An opt-in to any topic is a yes, unless the account or section as a whole was opted out of (a consent without a topic) or the
/// address is suppressed.
pub(super) fn fold(consents: &[(String, wire::Consent)], channel: &str, suppressed: bool) -> Folded {
    let own: Vec<&wire::Consent> = consents
        .iter()
        .map(|(_, consent)| consent)
        .filter(|consent| consent.channel_discriminator.as_deref() == Some(channel))
        .collect();
    if own.is_empty() {
        return Folded { given: suppressed.then_some(false), at: None };
    }
    let is_in = |consent: &&&wire::Consent| matches!(consent.ty.as_str(), "opt-in" | "confirmed-opt-in");
    let is_general_out = |consent: &&&wire::Consent| consent.ty == "opt-out" && consent.topic_discriminator.is_none();
    let latest =
        |deciding: &mut dyn Iterator<Item = &&wire::Consent>| deciding.filter_map(|consent| consent.modified_at).max();
    if own.iter().any(|consent| is_general_out(&consent)) {
        return Folded { given: Some(false), at: latest(&mut own.iter().filter(is_general_out)) };
    }
    if own.iter().any(|consent| is_in(&consent)) {
        return Folded { given: Some(!suppressed), at: latest(&mut own.iter().filter(is_in)) };
    }
    Folded { given: Some(false), at: latest(&mut own.iter()) }
}

/// The fields that a profile's consents fill.
pub(super) fn fields(
    catalog: &Catalog,
    consents: &[(String, wire::Consent)],
    has_address: [bool; 2],
    suppressed: [bool; 2],
) -> Vec<(FieldName, Value)> {
    let mut fields = Vec::new();
    let channels = [("email", EMAIL), ("sms", SMS)];
    for (place, (name, channel)) in channels.into_iter().enumerate() {
        let folded = fold(consents, channel, suppressed[place]);
        if let Some(given) = folded.given {
            fields.push((format!("{name}_consent").into(), Value::Bool(given)));
        }
        if let Some(at) = folded.at {
            fields.push((format!("{name}_consent_date").into(), Value::Timestamp(at)));
        }
        // Unknown is not no; without an address there is nothing to enable.
        let enabled = if has_address[place] { folded.given } else { Some(false) };
        if let Some(enabled) = enabled {
            fields.push((format!("{name}_enabled").into(), Value::Bool(enabled)));
        }
    }
    if !consents.is_empty() {
        let list: Vec<Json> = consents
            .iter()
            .map(|(section, consent)| {
                let mut json = json!(consent);
                let topic = consent.topic_discriminator.as_deref().and_then(|topic| catalog.topic(section, topic));
                json["topic"] = json!(topic);
                json["section"] = json!(catalog.section(section).map(|section| &section.name));
                json
            })
            .collect();
        fields.push(("consents".into(), Value::text(Json::from(list).to_string())));
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consent(topic: Option<&str>, ty: &str, day: u32) -> (String, wire::Consent) {
        let consent = wire::Consent {
            topic_discriminator: topic.map(str::to_owned),
            channel_discriminator: Some(EMAIL.to_owned()),
            ty: ty.to_owned(),
            source: None,
            reason: None,
            modified_at: format!("2024-03-{day:02}T10:00:00Z").parse().ok(),
        };
        ("s".to_owned(), consent)
    }

    #[test]
    fn one_yes_is_a_yes_with_the_last_yes_time() {
        let at = |day: u32| format!("2024-03-{day:02}T10:00:00Z").parse().ok();
        let of = |given, at| Folded { given, at };
        let cases = [
            (vec![], false, of(None, None)),
            (vec![], true, of(Some(false), None)),
            (vec![consent(Some("a"), "opt-in", 1)], false, of(Some(true), at(1))),
            (
                vec![
                    consent(Some("a"), "opt-in", 1),
                    consent(Some("b"), "confirmed-opt-in", 3),
                    consent(Some("c"), "opt-out", 9),
                ],
                false,
                of(Some(true), at(3)),
            ),
            (vec![consent(Some("a"), "pending-opt-in", 2)], false, of(Some(false), at(2))),
            (vec![consent(Some("a"), "opt-out", 2), consent(Some("b"), "opt-out", 4)], false, of(Some(false), at(4))),
            (vec![consent(Some("a"), "opt-in", 1), consent(None, "opt-out", 5)], false, of(Some(false), at(5))),
            (vec![consent(Some("a"), "opt-in", 1)], true, of(Some(false), at(1))),
        ];
        for (consents, suppressed, expected) in cases {
            assert_eq!(fold(&consents, EMAIL, suppressed), expected, "{consents:?} {suppressed}");
            assert_eq!(fold(&consents, SMS, false), of(None, None));
        }
    }
}
