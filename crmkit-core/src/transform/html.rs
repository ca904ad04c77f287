//! The transform that makes plain text of HTML.

use serde::Deserialize;

use super::{
    Arguments, FactoryInput, FieldContext, FieldTransform, TransformError,
    each::{one, one_type, wants},
};
use crate::{FieldType, Markup, Value};

/// `html_to_text`: what a reader sees of an HTML text, with its paragraphs and lists, as plain text; where links lead stands at
/// the end. `{ html_to_text = 80 }` breaks
/// lines at 80 characters; otherwise they are as long as they are.
///
/// ```
/// use crmkit_core::{TransformCall, TransformSettings, Transforms, Value};
/// let (value, notes) = Transforms::standard().preview(
///     &[TransformCall::bare("html_to_text")],
///     &["body".into()],
///     &[Some(Value::text("<p>Hello <b>Ann</b> &amp; Bo</p><ul><li>one</li></ul>"))],
///     &TransformSettings::default(),
/// )?;
/// assert_eq!(value, Some(Value::text("Hello Ann & Bo\n* one")));
/// assert_eq!(notes, ["formatting left out"]);
/// # Ok::<(), crmkit_core::TransformError>(())
/// ```
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HtmlToText {
    width: Option<usize>,
}

/// As wide as no line is: the library breaks lines at some width.
const WIDE: usize = 100_000;
/// Narrower than this a list in a quotation has no room.
const NARROW: usize = 20;

impl HtmlToText {
    pub(super) fn new(input: FactoryInput<'_>) -> Result<Self, TransformError> {
        let this: Self = Arguments::read(input, "html_to_text", "width")?;
        if this.width.is_some_and(|width| width < NARROW) {
            return Err(TransformError::hold(format!("html_to_text breaks lines at {NARROW} characters or more")));
        }
        Ok(this)
    }

    fn text(&self, html: &str) -> Result<String, TransformError> {
        let width = self.width.unwrap_or(WIDE).min(WIDE);
        let read = html2text::config::plain_no_decorate()
            .no_table_borders()
            .link_footnotes(true)
            .string_from_read(html.as_bytes(), width);
        let text = read.map_err(|_| TransformError::hold("the HTML cannot be read"))?;
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        Ok(lines.join("\n").trim_matches('\n').to_owned())
    }
}

impl FieldTransform for HtmlToText {
    fn output(&self, inputs: &[FieldType]) -> Result<FieldType, TransformError> {
        use FieldType as T;
        let ty = one_type(inputs, "html_to_text")?;
        let fits = matches!(ty, T::Text { .. } | T::LongText | T::Rich | T::Any);
        wants(fits, "html_to_text", "text or rich text", ty)?;
        Ok(T::LongText)
    }

    fn apply(&self, inputs: &[Option<Value>], cx: &mut FieldContext<'_>) -> Result<Option<Value>, TransformError> {
        let Some(value) = one(inputs, "html_to_text")? else { return Ok(None) };
        let html = match value {
            Value::Text(text) => text,
            Value::Rich(rich) if rich.markup == Markup::Html => &rich.text,
            // Markdown is text that people read.
            Value::Rich(rich) => return Ok(Some(Value::Text(rich.text.clone()))),
            other => return Ok(Some(other.clone())),
        };
        // Without a tag or an entity it is plain text already, whose line ends are its own.
        if !html.contains(['<', '&']) {
            return Ok(Some(Value::Text(html.clone())));
        }
        let text = self.text(html)?;
        if *text != **html {
            cx.note("formatting left out");
        }
        Ok((!text.is_empty()).then(|| Value::text(text)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::testkit::{any_value, run};
    use super::*;
    use crate::RichText;

    fn rich(markup: Markup, text: &str) -> Value {
        Value::Rich(Arc::new(RichText { markup, text: text.into() }))
    }

    #[test]
    fn what_a_reader_sees_stays() {
        for (value, wanted) in [
            (rich(Markup::Html, "<p>a</p><p>b &lt; c</p>"), Some("a\n\nb < c")),
            (rich(Markup::Html, "one<br>two"), Some("one\ntwo")),
            (rich(Markup::Html, "<a href=\"https://x.se\">here</a>"), Some("[here][1]\n\n[1]: https://x.se")),
            (rich(Markup::Html, "<style>p{}</style><script>x()</script>"), None),
            (rich(Markup::Markdown, "*a* < b"), Some("*a* < b")),
            (Value::text("two\nlines, plain"), Some("two\nlines, plain")),
            (Value::text("AT&amp;T"), Some("AT&T")),
        ] {
            assert_eq!(run(r#""html_to_text""#, &[Some(value.clone())]).unwrap().0, wanted.map(Value::text), "{value}");
        }
        let long = "word ".repeat(30);
        let (broken, _) = run(r#"{"html_to_text": 40}"#, &[Some(Value::text(format!("<p>{long}</p>")))]).unwrap();
        assert!(broken.unwrap().to_string().lines().all(|line| line.len() <= 40));
        assert!(run(r#"{"html_to_text": 3}"#, &[None]).is_err());
    }

    proptest! {
        #[test]
        fn no_value_is_too_odd(value in any_value(), text in "[<>&/a-z \"=;]{0,60}") {
            run(r#""html_to_text""#, &[Some(value)]).unwrap();
            run(r#""html_to_text""#, &[Some(Value::text(text))]).unwrap();
        }
    }
}
