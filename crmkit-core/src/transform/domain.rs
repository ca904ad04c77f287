//! The transform that takes the domain out of an address.

use std::net::IpAddr;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{is_textual, on_texts, one, one_type, wants},
};
use crate::{FieldType, Value};

/// `domain`: the domain that somebody registered, out of a web or e-mail address: `www.sales.acme.co.uk/x` is `acme.co.uk`. What has
/// none is left out with a note.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, _) = Transforms::standard().preview(
///     &[TransformCall::bare("domain")],
///     &["website".into()],
///     &[Some(Value::text("https://www.acme.co.uk/about"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("acme.co.uk")));
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug)]
pub(super) struct Domain;

impl Domain {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        Arguments::none(input, "domain").map(|()| Self)
    }
}

impl FieldTransform for Domain {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        let ty = one_type(inputs, "domain")?;
        wants(is_textual(ty), "domain", "text, web or e-mail addresses", ty)?;
        // A domain is no whole address.
        Ok(if *ty == FieldType::Url { FieldType::text() } else { ty.clone() })
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "domain")? else { return Ok(None) };
        on_texts(value, &mut |text| {
            let found = registered(text);
            match &found {
                None if !text.trim().is_empty() => cx.note("an address without a domain left out"),
                Some(domain) if domain != text => cx.note("only the domain of an address kept"),
                _ => {}
            }
            Ok(found)
        })
    }
}

/// The registered domain of an address, in lower case.
fn registered(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next()?;
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    let host = host.split(':').next()?.trim_end_matches('.').to_lowercase();
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "<>(),;\"[]\\".contains(letter);
    if host.parse::<IpAddr>().is_ok() || host.contains(odd) || host.split('.').any(str::is_empty) {
        return None;
    }
    psl::domain_str(&host).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;

    #[test]
    fn domains_are_those_that_were_registered() {
        for (text, wanted) in [
            ("acme.com", Some("acme.com")),
            ("WWW.Acme.com", Some("acme.com")),
            ("http://sales.acme.co.uk:8080/x?y#z", Some("acme.co.uk")),
            ("ann@mail.acme.se", Some("acme.se")),
            ("https://user@acme.se./", Some("acme.se")),
            ("räksmörgås.se", Some("räksmörgås.se")),
            ("127.0.0.1", None),
            ("co.uk", None),
            ("localhost", None),
            ("no address", None),
            ("a..se", None),
        ] {
            let (value, notes) = run(r#""domain""#, &[Some(Value::text(text))]).unwrap();
            assert_eq!(value, wanted.map(Value::text), "{text}");
            assert_eq!(notes.is_empty(), Some(text) == wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_second_time_changes_nothing(value in any_value()) {
            let once = run(r#""domain""#, &[Some(value)]).unwrap().0;
            prop_assert_eq!(run(r#""domain""#, std::slice::from_ref(&once)).unwrap(), (once, Vec::new()));
        }
    }
}
