//! New relations: both sides at once.

use serde_json::{Value, json};

use super::super::call::Call;
use super::super::failure::Failure;
use super::faults::Faults;
use super::names::camel_case;
use super::standard::Draft;
use super::{Field, FieldKind, Object, Target, capitalised, to_one};

const MALFORMED: &str = "FIELD_METADATA_RELATION_MALFORMED";
const KEYS: [&str; 4] = ["type", "targetObjectMetadataId", "targetFieldLabel", "targetFieldIcon"];

/// What a payload asks for.
struct Wish {
    many_to_one: bool,
    target: String,
    label: String,
    icon: String,
}

fn refuse(name: &str, code: &str, message: &str) -> Failure {
    let mut faults = Faults::default();
    faults.add("fieldMetadata", "create", name, code, message);
    faults.check("creating field").err().unwrap_or_else(|| Failure::bad(message))
}

fn wish(name: &str, payload: &Value) -> Result<Wish, Failure> {
    if !payload.is_object() {
        return Err(refuse(name, MALFORMED, "Relation creation payload is required"));
    }
    for key in KEYS {
        if payload[key].as_str().is_none_or(str::is_empty) {
            let message = format!("Relation creation payload is invalid: {key} must be a string");
            return Err(refuse(name, MALFORMED, &message));
        }
    }
    let text = |key: &str| payload[key].as_str().unwrap_or_default().to_owned();
    let many_to_one = match payload["type"].as_str() {
        Some("MANY_TO_ONE") => true,
        Some("ONE_TO_MANY") => false,
        _ => {
            let message = "Relation creation payload is invalid: type must be one of MANY_TO_ONE, ONE_TO_MANY";
            return Err(refuse(name, MALFORMED, message));
        }
    };
    let (target, label, icon) = (text("targetObjectMetadataId"), text("targetFieldLabel"), text("targetFieldIcon"));
    Ok(Wish { many_to_one, target, label, icon })
}

/// Creates a plain relation, both sides, and returns this one.
pub(super) fn create(call: &mut Call<'_>, object: &Object, field: Field, input: &Value) -> Result<Field, Failure> {
    let wish = wish(&field.name, &input["relationCreationPayload"])?;
    connect(call, object, field, wish)
}

/// Creates a relation to one of several objects: one column each, under one morph id.
pub(super) fn create_morph(
    call: &mut Call<'_>,
    object: &Object,
    field: Field,
    input: &Value,
) -> Result<Field, Failure> {
    let payloads = input["morphRelationsCreationPayload"].as_array().filter(|payloads| !payloads.is_empty());
    let payloads = payloads.ok_or_else(|| refuse(&field.name, MALFORMED, "Relation creation payload is required"))?;
    let wishes: Vec<Wish> = payloads.iter().map(|payload| wish(&field.name, payload)).collect::<Result<_, _>>()?;
    let mut targets: Vec<&str> = wishes.iter().map(|wish| wish.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    let same = wishes.iter().all(|wish| wish.many_to_one == wishes[0].many_to_one);
    if targets.len() < wishes.len() || !same || targets.contains(&object.id.as_str()) {
        let message = "Morph relation creation payload must have distinct targets, one type, and not the object itself";
        return Err(refuse(&field.name, MALFORMED, message));
    }
    let morph = call.store.new_id();
    let mut first = None;
    for wish in wishes {
        let target = call.store.object(&wish.target);
        let singular = target.map(|target| target.name_singular.clone()).unwrap_or_default();
        let name = format!("{}{}", field.name, capitalised(&singular));
        let part = Field { id: call.store.new_id(), morph_id: Some(morph.clone()), name, ..field.clone() };
        let made = connect(call, object, part, wish)?;
        first.get_or_insert(made);
    }
    first.ok_or_else(|| refuse(&field.name, MALFORMED, "Relation creation payload is required"))
}

fn connect(call: &mut Call<'_>, object: &Object, mut field: Field, wish: Wish) -> Result<Field, Failure> {
    let missing = || refuse(&field.name, "FIELD_METADATA_RELATION_NOT_ENABLED", "Target object metadata not found");
    let target = call.store.object(&wish.target).ok_or_else(missing)?;
    let mut own = call.store.object(&object.id).map(|own| (*own).clone()).unwrap_or_else(|| object.clone());
    let now = call.timestamp();
    let inverse_name = camel_case(&wish.label);
    let mut inverse = Draft::new(FieldKind::Relation, &inverse_name, &wish.label).build(call.store, &target, &now);
    inverse.application_id.clone_from(&field.application_id);
    inverse.icon = Some(wish.icon);
    let (one, many) = if wish.many_to_one { (&mut field, &mut inverse) } else { (&mut inverse, &mut field) };
    one.settings = to_one(&format!("{}Id", one.name), "SET_NULL");
    many.settings = json!({ "relationType": "ONE_TO_MANY" });
    inverse.target = Some(Target { object: own.id.clone(), field: field.id.clone() });
    field.target = Some(Target { object: target.id.clone(), field: inverse.id.clone() });
    for (holder, name) in [(&own, field.name.as_str()), (&*target, inverse_name.as_str())] {
        if let Some((code, message)) = super::create_field::name_fault(holder, name, None) {
            return Err(refuse(name, &code, &message));
        }
    }
    if own.id == target.id {
        own.fields.extend([field.clone(), inverse]);
        call.store.put_object(own);
    } else {
        let mut target = (*target).clone();
        own.fields.push(field.clone());
        target.fields.push(inverse);
        call.store.put_object(own);
        call.store.put_object(target);
    }
    Ok(field)
}
