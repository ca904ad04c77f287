//! What `schema.json` and the manifest say about a field's type.

use crmkit_core::Markup;

use super::{
    header,
    manifest::{SchemaField, TypeName},
    table::{Field, FieldSource, Slot},
    values::Kind,
};

/// Gives a custom field what `schema.json` says about it.
pub(super) fn declare(field: &mut Field, declared: &SchemaField, slot: Slot) {
    if let Some(label) = &declared.label {
        field.label.clone_from(label);
    }
    field.required = declared.required;
    field.options = declared.options.clone();
    field.reading.format = declared.format.as_deref().map(Into::into);
    if let Some(to) = &declared.lookup {
        let to = header::object_of_one(to).into();
        field.source = FieldSource::Link { cell: slot, to, by: None, or_name: None, instead: Vec::new() };
        field.reading.kind = Kind::Text;
        return;
    }
    if let Some(ty) = declared.ty {
        typed(field, ty, slot);
    }
}

/// Gives a field a declared type.
pub(super) fn typed(field: &mut Field, ty: TypeName, slot: Slot) {
    field.reading.kind = match ty {
        TypeName::Text | TypeName::Lookup => Kind::Text,
        TypeName::LongText | TypeName::Json => Kind::LongText,
        TypeName::Int => Kind::Int,
        TypeName::Decimal => Kind::Decimal,
        TypeName::Money => {
            field.source = FieldSource::Money { amount: slot, currency: None };
            Kind::Decimal
        }
        TypeName::Bool => Kind::Bool,
        TypeName::Date => Kind::Date,
        TypeName::Timestamp => Kind::Moment,
        TypeName::Duration => Kind::Duration,
        TypeName::Option => Kind::Option,
        TypeName::Options => Kind::Options,
        TypeName::Emails => Kind::Emails,
        TypeName::Phones => Kind::Phones,
        TypeName::Url => Kind::Url,
        TypeName::Html => Kind::Rich(Markup::Html),
        TypeName::Markdown => Kind::Rich(Markup::Markdown),
    };
    if matches!(ty, TypeName::Emails | TypeName::Phones) && matches!(field.source, FieldSource::Cell(_)) {
        field.source = FieldSource::Several(vec![slot]);
    }
}
