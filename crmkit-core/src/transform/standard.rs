//! The transforms that every plan can name.

use super::{
    Transforms,
    choose::{Coalesce, Constant, OnlyIf},
    date::{DateOf, ToDate, ToTimestamp},
    domain::Domain,
    email::Email,
    html::HtmlToText,
    json::ToJson,
    name::{FullName, NamePart, SplitName},
    number::{Boolean, Number},
    phone::Phone,
    template::Template,
    text::{Case, First, Join, Split, Text, Trim, Truncate},
    value_map::ValueMap,
};

impl Transforms {
    /// The transforms that every plan can name.
    ///
    /// | name | arguments | inputs → answer |
    /// |---|---|---|
    /// | `trim` | | text without outer whitespace |
    /// | `case` | `"lower"`, `"upper"`, `"title"` | text |
    /// | `join` | what goes between, a space by default | several, or a list → text |
    /// | `split` | what to split at | text → list |
    /// | `truncate` | longest length | text |
    /// | `text` | | anything → text |
    /// | `first` | | list → its first entry |
    /// | `split_name` | | text → name |
    /// | `name_part` | `"given"`, `"family"` | name or text → text |
    /// | `full_name` | | given name, family name → name |
    /// | `template` | `"{product} for {account\|no account}"` | several → text |
    /// | `value_map` | the table, or `map` with `default` or `otherwise` | text, several, or list → what the table says |
    /// | `date` | format or formats, ISO by default | text → day |
    /// | `timestamp` | `time`, `zone`, `format` | day, time, text, or day and time of day → moment |
    /// | `date_of` | days to add, 0 by default | moment → day |
    /// | `number` | `decimal`, `group`, `whole` | text → number |
    /// | `boolean` | `yes`, `no` | text → yes or no |
    /// | `email` | | addresses in lower case |
    /// | `phone` | country of numbers that name none: `"SE"` | numbers as `+46701234567` |
    /// | `domain` | | the registered domain of web and e-mail addresses |
    /// | `html_to_text` | where to break lines, if anywhere | HTML → plain text |
    /// | `json` | | several → JSON as text, by their names |
    /// | `constant` | the value | any or none → that value |
    /// | `coalesce` | what to take if none has a value | several → the first with a value |
    /// | `only_if` | texts, or `one_of`, `none_of` | selector, value → the value, or nothing |
    ///
    /// ```
    /// use crmkit_core::Transforms;
    /// assert_eq!(Transforms::standard().version("trim"), Some(1));
    /// ```
    pub fn standard() -> Self {
        let mut known = Self::none();
        known.register("trim", 1, Trim::new);
        known.register("case", 1, Case::new);
        known.register("join", 1, Join::new);
        known.register("split", 1, Split::new);
        known.register("truncate", 1, Truncate::new);
        known.register("text", 1, Text::new);
        known.register("first", 1, First::new);
        known.register("split_name", 1, SplitName::new);
        known.register("name_part", 1, NamePart::new);
        known.register("full_name", 1, FullName::new);
        known.register("template", 1, Template::new);
        known.register("value_map", 1, ValueMap::new);
        known.register("date", 1, ToDate::new);
        known.register("timestamp", 1, ToTimestamp::new);
        known.register("date_of", 1, DateOf::new);
        known.register("number", 1, Number::new);
        known.register("boolean", 1, Boolean::new);
        known.register("email", 1, Email::new);
        known.register("phone", 1, Phone::new);
        known.register("domain", 1, Domain::new);
        known.register("html_to_text", 1, HtmlToText::new);
        known.register("json", 1, ToJson::new);
        known.register("constant", 1, Constant::new);
        known.register("coalesce", 1, Coalesce::new);
        known.register("only_if", 1, OnlyIf::new);
        known
    }
}
