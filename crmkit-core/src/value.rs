//! The values that travel between two CRMs.

use std::{fmt, sync::Arc};

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::RecordRef;

/// A field value between two CRMs.
///
/// Absent (no entry in the record) means "leave alone", [`Value::Null`] means "clear".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// Clears the field.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// An exact decimal number.
    Decimal(Decimal),
    /// Plain text.
    Text(Arc<str>),
    /// A calendar day.
    Date(NaiveDate),
    /// A time of day without a zone.
    Time(NaiveTime),
    /// A date and time whose zone nobody told: the plan's `time_zone` makes it a timestamp.
    Local(NaiveDateTime),
    /// A moment.
    Timestamp(DateTime<Utc>),
    /// A length of time in seconds.
    Duration(i64),
    /// An amount in a currency.
    Money(Money),
    /// A person's name in parts.
    Name(Arc<PersonName>),
    /// A postal address.
    Address(Arc<Address>),
    /// An e-mail address or phone number with its label.
    Labelled(Arc<Labelled>),
    /// Formatted text.
    Rich(Arc<RichText>),
    /// A pick-list entry: by key at a source, by id at a destination.
    Option(Arc<str>),
    /// A link to another record: in source terms from a source, in destination terms towards a destination.
    Ref(Arc<RecordRef>),
    /// Several values of one kind.
    List(Arc<[Value]>),
}

/// An amount in a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// The amount, in units of the currency.
    pub amount: Decimal,
    /// ISO 4217 code.
    pub currency: Arc<str>,
}

/// A person's name in parts; absent parts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PersonName {
    /// Given name.
    pub given: Arc<str>,
    /// Family name.
    pub family: Arc<str>,
}

impl fmt::Display for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.given.is_empty() || self.family.is_empty() { "" } else { " " };
        write!(f, "{}{gap}{}", self.given, self.family)
    }
}

/// A postal address; absent parts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Street and number.
    pub street: Arc<str>,
    /// City.
    pub city: Arc<str>,
    /// State, county or province.
    pub region: Arc<str>,
    /// Postal code.
    pub postal_code: Arc<str>,
    /// Country.
    pub country: Arc<str>,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.street, &self.city, &self.region, &self.postal_code, &self.country];
        let mut gap = "";
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{gap}{part}")?;
            gap = ", ";
        }
        Ok(())
    }
}

/// An e-mail address or phone number with its label (`work`, `mobile`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// The address or number.
    pub value: Arc<str>,
    /// What it is for, if known.
    pub label: Option<Arc<str>>,
}

/// The markup of a formatted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Markup {
    /// HTML.
    Html,
    /// Markdown.
    Markdown,
}

/// Formatted text with its markup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RichText {
    /// How `text` is marked up.
    pub markup: Markup,
    /// The text with its markup.
    pub text: Arc<str>,
}

impl Value {
    /// A text value.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A pick-list entry.
    pub fn option(key: impl Into<Arc<str>>) -> Self {
        Self::Option(key.into())
    }

    /// A link.
    pub fn link(to: RecordRef) -> Self {
        Self::Ref(Arc::new(to))
    }

    /// The text of a value that is one: text, option key, labelled value or rich text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Option(text) => Some(text),
            Self::Labelled(labelled) => Some(&labelled.value),
            Self::Rich(rich) => Some(&rich.text),
            _ => None,
        }
    }

    /// The link, if this is one.
    pub fn as_ref_to(&self) -> Option<&RecordRef> {
        match self {
            Self::Ref(to) => Some(to),
            _ => None,
        }
    }

    /// Whether it carries nothing: null, empty text or an empty list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(values) => values.is_empty(),
            other => other.as_text().is_some_and(str::is_empty),
        }
    }
}

/// What a person reads: plain text without quotes, lists separated by `; `.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => Ok(()),
            Self::Bool(yes) => write!(f, "{yes}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{number}"),
            Self::Text(text) | Self::Option(text) => f.write_str(text),
            Self::Date(date) => write!(f, "{date}"),
            Self::Time(time) => write!(f, "{time}"),
            Self::Local(time) => write!(f, "{}", time.format("%Y-%m-%dT%H:%M:%S")),
            Self::Timestamp(time) => f.write_str(&time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            Self::Duration(seconds) => write!(f, "{seconds}s"),
            Self::Money(money) => write!(f, "{} {}", money.amount, money.currency),
            Self::Name(name) => write!(f, "{name}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Labelled(labelled) => f.write_str(&labelled.value),
            Self::Rich(rich) => f.write_str(&rich.text),
            Self::Ref(to) => write!(f, "{to}"),
            Self::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    write!(f, "{}{value}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}
