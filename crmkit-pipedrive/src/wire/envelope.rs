//! What every answer is wrapped in.

use serde::Deserialize;

/// `{"success": true, "data": …}`.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) data: T,
}

/// A page of a list, with the place of the next in any of three forms.
#[derive(Debug, Deserialize)]
pub(crate) struct Listing<T> {
    /// `null` where there is nothing.
    #[serde(default = "Option::default")]
    pub(crate) data: Option<Vec<T>>,
    #[serde(default)]
    additional_data: Option<Additional>,
}

#[derive(Debug, Default, Deserialize)]
struct Additional {
    /// v2.
    #[serde(default)]
    next_cursor: Option<String>,
    /// v1.
    #[serde(default)]
    pagination: Option<Pagination>,
    /// v1 without the wrapper.
    #[serde(flatten)]
    bare: Pagination,
}

#[derive(Debug, Default, Deserialize)]
struct Pagination {
    #[serde(default)]
    start: Option<u64>,
    #[serde(default)]
    limit: Option<u64>,
    #[serde(default)]
    more_items_in_collection: bool,
    #[serde(default)]
    next_start: Option<u64>,
}

impl Pagination {
    fn next(&self) -> Option<u64> {
        if !self.more_items_in_collection {
            return None;
        }
        self.next_start.or_else(|| self.start?.checked_add(self.limit?))
    }
}

impl<T> Listing<T> {
    /// The next page's cursor (v2) or start (v1).
    pub(crate) fn next(&self) -> Option<String> {
        let additional = self.additional_data.as_ref()?;
        if let Some(cursor) = additional.next_cursor.as_ref().filter(|cursor| !cursor.is_empty()) {
            return Some(cursor.clone());
        }
        let start = additional.pagination.as_ref().and_then(Pagination::next).or_else(|| additional.bare.next())?;
        Some(start.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_in_every_form() {
        let cases = [
            (r#"{"data":[],"additional_data":{"next_cursor":"abc"}}"#, Some("abc")),
            (r#"{"data":[],"additional_data":{"next_cursor":null}}"#, None),
            (r#"{"data":null,"additional_data":null}"#, None),
            (r#"{"data":null}"#, None),
            (
                r#"{"data":[],"additional_data":{"pagination":{"start":0,"limit":100,"more_items_in_collection":true,"next_start":90}}}"#,
                Some("90"),
            ),
            (r#"{"data":[],"additional_data":{"start":100,"limit":50,"more_items_in_collection":true}}"#, Some("150")),
            (r#"{"data":[],"additional_data":{"start":0,"limit":50,"more_items_in_collection":false}}"#, None),
            (
                r#"{"data":[],"additional_data":{"start":18446744073709551615,"limit":50,"more_items_in_collection":true}}"#,
                None,
            ),
        ];
        for (json, expected) in cases {
            let listing: Listing<i64> = serde_json::from_str(json).unwrap();
            assert_eq!(listing.next().as_deref(), expected, "{json}");
        }
    }
}
