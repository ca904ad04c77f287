//! Which transforms lead from a source field's type to a destination field's.

use super::Proposing;
use crate::{Badge, FieldSchema, FieldType, ObjectSchema, TransformCall, can_coerce};

impl Proposing<'_> {
    /// Transforms that make a source field's values fit, with how the two relate. None where nothing sensible does.
    pub(super) fn bridge(
        &self,
        object: &ObjectSchema,
        from: &FieldSchema,
        to: &FieldType,
    ) -> Option<(Vec<TransformCall>, Badge)> {
        use FieldType as T;
        let ty = self.known_type(object, from);
        let inferred = self.profile(object, &from.name).and_then(super::super::FieldProfile::certain);
        if matches!(ty, T::Link { .. } | T::Links { .. }) || matches!(to, T::Link { .. } | T::Links { .. }) {
            return None;
        }
        if matches!(to, T::Emails) && matches!(ty, T::Emails | T::Text { .. }) {
            return Some((vec![TransformCall::bare("email")], Badge::OneToOne));
        }
        if can_coerce(&ty, to) {
            return Some((self.shortened(object, from, to), Badge::OneToOne));
        }
        let texts = matches!(ty, T::Text { .. } | T::LongText);
        let one = |name: &str, badge: Badge| Some((vec![TransformCall::bare(name)], badge));
        let found = match (&ty, to) {
            (T::Timestamp | T::Local, T::Date) => one("date_of", Badge::Lossy),
            (T::Date, T::Timestamp) => one("timestamp", Badge::OneToOne),
            (_, T::Timestamp) if texts && matches!(inferred, Some(T::Timestamp | T::Local | T::Date)) => {
                one("timestamp", Badge::OneToOne)
            }
            (_, T::Date) if texts && matches!(inferred, Some(T::Date)) => one("date", Badge::OneToOne),
            (_, T::Int | T::Decimal | T::Money) if texts && matches!(inferred, Some(T::Int | T::Decimal)) => {
                one("number", Badge::OneToOne)
            }
            (_, T::Bool) if texts && matches!(inferred, Some(T::Bool)) => one("boolean", Badge::OneToOne),
            (_, T::Name) if texts => one("split_name", Badge::OneToOne),
            (T::Emails | T::Phones, T::Text { .. } | T::LongText | T::Rich) => {
                Some((vec![TransformCall::with("join", "; ")], Badge::Lossy))
            }
            (T::Options, T::Text { .. } | T::LongText) => Some((vec![TransformCall::with("join", "; ")], Badge::Lossy)),
            (T::Options, T::Option) => one("first", Badge::Lossy),
            (T::Emails, T::Phones) | (T::Phones, T::Emails) => None,
            (T::Rich, T::Text { .. } | T::LongText) => one("text", Badge::Lossy),
            (T::Money, T::Int) => {
                Some((vec![TransformCall::with("number", serde_json::json!({ "whole": true }))], Badge::Lossy))
            }
            _ => None,
        };
        let (mut calls, badge) = found?;
        calls.extend(self.shortened(object, from, to));
        calls.iter().all(|call| self.transforms.version(&call.name).is_some()).then_some((calls, badge))
    }

    /// Cuts texts where the audit saw longer ones than fit.
    fn shortened(&self, object: &ObjectSchema, from: &FieldSchema, to: &FieldType) -> Vec<TransformCall> {
        let longest = self.profile(object, &from.name).map_or(0, |profile| profile.longest);
        match to {
            FieldType::Text { max: Some(max) } if longest > *max => vec![TransformCall::with("truncate", *max)],
            _ => Vec::new(),
        }
    }
}
