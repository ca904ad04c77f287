//! Which addresses the simulator answers.

/// Method and path of all that is modelled.
pub(super) const ROUTES: [&str; 26] = [
    "POST /graphql",
    "POST /metadata",
    "GET /rest/{plural}",
    "POST /rest/{plural}",
    "PATCH /rest/{plural}",
    "DELETE /rest/{plural}",
    "POST /rest/batch/{plural}",
    "GET /rest/{plural}/{id}",
    "PATCH /rest/{plural}/{id}",
    "DELETE /rest/{plural}/{id}",
    "PATCH /rest/{plural}/restore",
    "PATCH /rest/{plural}/{id}/restore",
    "PATCH /rest/restore/{plural}",
    "PATCH /rest/restore/{plural}/{id}",
    "GET /rest/metadata/objects",
    "POST /rest/metadata/objects",
    "GET /rest/metadata/objects/{id}",
    "PATCH /rest/metadata/objects/{id}",
    "DELETE /rest/metadata/objects/{id}",
    "GET /rest/metadata/fields",
    "POST /rest/metadata/fields",
    "GET /rest/metadata/fields/{id}",
    "PATCH /rest/metadata/fields/{id}",
    "DELETE /rest/metadata/fields/{id}",
    "PUT /file-upload/{id}",
    "GET /file/files-field/{id}",
];

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    CoreGraphql,
    MetadataGraphql,
    /// Below `/rest/metadata/`, in segments.
    MetadataRest(Vec<&'a str>),
    /// Below `/rest/`, in segments.
    CoreRest(Vec<&'a str>),
    Upload(&'a str),
    Download(&'a str),
    Unknown,
}

impl<'a> Place<'a> {
    pub(super) fn of(method: &str, path: &'a str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        match (method, segments.as_slice()) {
            ("POST", ["graphql"]) => Self::CoreGraphql,
            ("POST", ["metadata"]) => Self::MetadataGraphql,
            (_, ["rest", "metadata", rest @ ..]) => Self::MetadataRest(rest.to_vec()),
            (_, ["rest", "open-api", ..]) => Self::Unknown,
            (_, ["rest", rest @ ..]) if !rest.is_empty() => Self::CoreRest(rest.to_vec()),
            ("PUT", ["file-upload", id]) => Self::Upload(id),
            ("GET", ["file", "files-field", id]) => Self::Download(id),
            _ => Self::Unknown,
        }
    }

    /// Whether calls draw from the limits: the metadata API and files do not.
    pub(super) fn is_limited(&self) -> bool {
        matches!(self, Self::CoreGraphql | Self::CoreRest(_))
    }

    pub(super) fn is_graphql(&self) -> bool {
        matches!(self, Self::CoreGraphql | Self::MetadataGraphql)
    }
}
