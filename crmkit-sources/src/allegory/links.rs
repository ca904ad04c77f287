//! Records by a name, a domain, an e-mail address: for links that carry no id.

use std::{collections::HashMap, io};

use crmkit_core::{FieldName, ObjectName, RecordId};

use super::{
    convert::Converter,
    rows::Rows,
    stages::Stages,
    table::{FieldSource, Row, Table},
};

/// One index per object and field that links go by.
#[derive(Debug, Default)]
pub(super) struct Links {
    indexes: Vec<(ObjectName, FieldName, HashMap<String, Vec<RecordId>>)>,
}

impl Links {
    /// Reads the objects that links of `tables` name by a field.
    pub(super) fn of(tables: &[Table], stages: &Stages) -> io::Result<Self> {
        let none = Self::default();
        let converter = Converter { stages, links: &none, currency: None };
        let mut found = Self::default();
        for source in tables.iter().flat_map(|table| &table.fields).map(|field| &field.source) {
            let FieldSource::Link { to, by, or_name, .. } = source else { continue };
            let fallback = or_name.map(|_| FieldName::from("name"));
            for by in [by.clone(), fallback].into_iter().flatten() {
                if found.index(to, &by).is_none() {
                    let index = index(tables, to, &by, &converter)?;
                    found.indexes.push((to.clone(), by, index));
                }
            }
        }
        Ok(found)
    }

    fn index(&self, to: &ObjectName, by: &FieldName) -> Option<&HashMap<String, Vec<RecordId>>> {
        self.indexes.iter().find(|(object, field, _)| object == to && field == by).map(|(.., index)| index)
    }

    /// All records that the key may mean.
    pub(super) fn find(&self, to: &ObjectName, by: &FieldName, key: &str) -> &[RecordId] {
        let found = self.index(to, by).and_then(|index| index.get(&folded(by, key)));
        found.map_or(&[], Vec::as_slice)
    }
}

fn index(
    tables: &[Table],
    to: &ObjectName,
    by: &FieldName,
    converter: &Converter<'_>,
) -> io::Result<HashMap<String, Vec<RecordId>>> {
    let mut index = HashMap::<String, Vec<RecordId>>::new();
    let Some(table) = tables.iter().find(|table| table.name == *to) else { return Ok(index) };
    let named = |field: &&super::table::Field| {
        let list = match by.as_str() {
            "email" => "emails",
            "phone" => "phones",
            other => other,
        };
        field.name == *by || field.name == list
    };
    let Some(field) = table.fields.iter().find(named) else { return Ok(index) };
    for (number, file) in table.parts.iter().enumerate() {
        let mut rows = Rows::open(&file.part, file.part.first)?;
        while let Some(place) = rows.advance()? {
            let row = Row { rows: &rows, cells: &file.cells };
            let marked = table.marked.contains(&(number, place.offset));
            if rows.fault().is_some() || marked != table.distinct {
                continue;
            }
            let Some(id) = row.id(&table.id) else { continue };
            for key in converter.keys(field, &row) {
                let records = index.entry(folded(by, &key)).or_default();
                if !records.iter().any(|known| *known == *id) {
                    records.push(id.as_str().into());
                }
            }
        }
    }
    Ok(index)
}

/// Keys compare without case and outer whitespace; domains without scheme, `www.`, path and port.
fn folded(by: &FieldName, key: &str) -> String {
    let text = key.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    if !matches!(by.as_str(), "domain" | "website") {
        return text;
    }
    let host = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = host.split(['/', ':', '?']).next().unwrap_or(host);
    host.strip_prefix("www.").unwrap_or(host).trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_compare_as_people_mean_them() {
        assert_eq!(folded(&"name".into(), "  Acme\u{a0} Corp "), "acme corp");
        assert_eq!(folded(&"domain".into(), "https://WWW.Acme.example:80/x"), "acme.example");
    }
}
