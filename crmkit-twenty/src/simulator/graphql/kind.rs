//! The types of the schema that a workspace has right now.

use std::sync::Arc;

use super::super::schema::{FieldKind, Object, capitalised};
use super::super::store::Store;

/// A type that a selection can be on, or a leaf.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Leaf,
    Composite(FieldKind),
    File,
    Record(Arc<Object>),
    Connection(Arc<Object>),
    Edge(Arc<Object>),
    PageInfo,
    /// A type of the metadata schema.
    Meta(&'static Meta),
}

/// A type of the metadata schema.
#[derive(Debug)]
pub(super) struct Meta {
    pub(super) name: &'static str,
    leaves: &'static [&'static str],
    nested: &'static [(&'static str, &'static Meta)],
}

macro_rules! meta {
    ($id:ident, $name:literal, [$($leaf:literal),* $(,)?], [$(($nested:literal, $kind:ident)),* $(,)?]) => {
        pub(super) static $id: Meta =
            Meta { name: $name, leaves: &[$($leaf),*], nested: &[$(($nested, &$kind)),*] };
    };
}

meta!(
    FIELD,
    "Field",
    [
        "id",
        "universalIdentifier",
        "type",
        "name",
        "label",
        "description",
        "icon",
        "isActive",
        "isSystem",
        "isUIEditable",
        "isUIReadOnly",
        "isNullable",
        "isUnique",
        "defaultValue",
        "options",
        "settings",
        "objectMetadataId",
        "isLabelSyncedWithName",
        "morphId",
        "createdAt",
        "updatedAt",
        "applicationId",
    ],
    [("relation", RELATION), ("morphRelations", RELATION), ("object", OBJECT)]
);
meta!(
    OBJECT,
    "Object",
    [
        "id",
        "universalIdentifier",
        "nameSingular",
        "namePlural",
        "labelSingular",
        "labelPlural",
        "description",
        "icon",
        "shortcut",
        "color",
        "isRemote",
        "isActive",
        "isSystem",
        "isUIEditable",
        "isUICreatable",
        "isUIReadOnly",
        "isSearchable",
        "applicationId",
        "createdAt",
        "updatedAt",
        "labelIdentifierFieldMetadataId",
        "imageIdentifierFieldMetadataId",
        "isLabelSyncedWithName",
        "duplicateCriteria",
    ],
    [("fieldsList", FIELD), ("fields", OBJECT_FIELDS)]
);
meta!(
    RELATION,
    "Relation",
    ["type"],
    [
        ("sourceObjectMetadata", OBJECT),
        ("targetObjectMetadata", OBJECT),
        ("sourceFieldMetadata", FIELD),
        ("targetFieldMetadata", FIELD),
    ]
);
meta!(PAGE_INFO, "PageInfo", ["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"], []);
meta!(OBJECTS, "ObjectConnection", [], [("pageInfo", PAGE_INFO), ("edges", OBJECT_EDGE)]);
meta!(OBJECT_EDGE, "ObjectEdge", ["cursor"], [("node", OBJECT)]);
meta!(FIELDS, "FieldConnection", [], [("pageInfo", PAGE_INFO), ("edges", FIELD_EDGE)]);
meta!(OBJECT_FIELDS, "ObjectFieldsConnection", [], [("pageInfo", PAGE_INFO), ("edges", FIELD_EDGE)]);
meta!(FIELD_EDGE, "FieldEdge", ["cursor"], [("node", FIELD)]);
meta!(SIGNED_FILE, "FileWithSignedUrl", ["id", "path", "size", "createdAt", "url"], []);
meta!(LEGACY_FILE, "SignedFile", ["path", "token"], []);
meta!(UPLOAD_TARGET, "FileUploadTarget", ["fileId", "uploadUrl", "contentType", "expiresAt"], []);
meta!(RECORD_COUNT, "ObjectRecordCount", ["objectNamePlural", "totalCount"], []);

impl Kind {
    /// The name in the schema.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Leaf => "String".into(),
            Self::Composite(kind) => match kind {
                FieldKind::FullName => "FullName".into(),
                FieldKind::RichText => "RichText".into(),
                kind => capitalised(&kind.name().to_lowercase()),
            },
            Self::File => "FileObject".into(),
            Self::Record(object) => capitalised(&object.name_singular),
            Self::Connection(object) => format!("{}Connection", capitalised(&object.name_singular)),
            Self::Edge(object) => format!("{}Edge", capitalised(&object.name_singular)),
            Self::PageInfo => "PageInfo".into(),
            Self::Meta(meta) => meta.name.into(),
        }
    }

    pub(super) fn is_leaf(&self) -> bool {
        matches!(self, Self::Leaf)
    }

    /// The type of a field, if there is one of this name.
    pub(super) fn field(&self, store: &Store, name: &str, is_custom: bool) -> Option<Kind> {
        if name == "__typename" {
            return (!self.is_leaf()).then_some(Self::Leaf);
        }
        let leaf = |known: bool| known.then_some(Self::Leaf);
        match self {
            Self::Leaf => None,
            Self::Composite(kind) => leaf(kind.parts().iter().any(|(part, _)| *part == name)),
            Self::File => leaf(["fileId", "label", "extension", "url"].contains(&name)),
            Self::Record(object) => {
                if object.joined(name).is_some() {
                    return Some(Self::Leaf);
                }
                let field = object.field(name)?;
                if field.is_relation() {
                    let target = store.object(&field.target.as_ref()?.object).filter(|target| target.is_active)?;
                    return Some(if field.is_to_many() { Self::Connection(target) } else { Self::Record(target) });
                }
                Some(match field.kind {
                    FieldKind::Files => Self::File,
                    kind if kind.parts().is_empty() => Self::Leaf,
                    kind => Self::Composite(kind),
                })
            }
            Self::Connection(object) => match name {
                "totalCount" => Some(Self::Leaf),
                "pageInfo" => Some(Self::PageInfo),
                "edges" => Some(Self::Edge(object.clone())),
                _ => None,
            },
            Self::Edge(object) => match name {
                "node" => Some(Self::Record(object.clone())),
                "cursor" => Some(Self::Leaf),
                _ => None,
            },
            Self::PageInfo => leaf(["hasNextPage", "hasPreviousPage", "startCursor", "endCursor"].contains(&name)),
            Self::Meta(meta) => {
                let nested = meta.nested.iter().find(|(nested, _)| *nested == name);
                let custom = is_custom && name == "isCustom" && matches!(meta.name, "Object" | "Field");
                let leaf = leaf(custom || meta.leaves.contains(&name));
                nested.map(|(_, meta)| Self::Meta(meta)).or(leaf)
            }
        }
    }

    /// The arguments that a field of it takes.
    pub(super) fn arguments(&self, field: &str, kind: &Kind) -> &'static [&'static str] {
        match (self, kind, field) {
            (Self::Record(_), Self::Connection(_), _) => &LIST_ARGUMENTS,
            (Self::Meta(_), Self::Meta(_), "fields") => &["paging", "filter"],
            _ => &[],
        }
    }
}

/// What a list of records takes.
pub(super) const LIST_ARGUMENTS: [&str; 7] = ["first", "last", "offset", "before", "after", "filter", "orderBy"];
