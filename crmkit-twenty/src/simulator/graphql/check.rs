//! Whether a selection fits the schema: typos that the vendor may swallow are refused here.

use super::super::call::Call;
use super::Refusal;
use super::document::Operation;
use super::input;
use super::kind::Kind;
use super::selection::Node;

/// How the vendor's aggregates begin; the simulator knows `totalCount` alone.
const AGGREGATES: [&str; 9] =
    ["countUniqueValues", "countEmpty", "countNotEmpty", "countTrue", "countFalse", "percentage", "min", "max", "sum"];

/// Checks everything below a field whose type is known, and counts it.
pub(super) fn selection(
    call: &Call<'_>,
    operation: &Operation<'_>,
    node: &Node<'_>,
    kind: &Kind,
    count: &mut usize,
) -> Result<(), Refusal> {
    *count += 1;
    let name = kind.name();
    if kind.is_leaf() {
        return match node.has_children() {
            false => Ok(()),
            true => {
                let field = node.name;
                let message =
                    format!("Field \"{field}\" must not have a selection since type \"{name}\" has no subfields.");
                Err(Refusal::Invalid(message, node.place))
            }
        };
    }
    if !node.has_children() {
        let field = node.name;
        let message = format!(
            "Field \"{field}\" of type \"{name}\" must have a selection of subfields. Did you mean \"{field} {{ ... }}\"?"
        );
        return Err(Refusal::Invalid(message, node.place));
    }
    for child in node.children(operation, &name)? {
        let Some(found) = kind.field(call.store, child.name, call.switches.is_custom) else {
            let aggregate =
                AGGREGATES.iter().any(|start| child.name.starts_with(start)) || child.name.starts_with("avg");
            if matches!(kind, Kind::Connection(_)) && aggregate {
                return Err(Refusal::NotModelled(format!("the aggregate {}", child.name)));
            }
            let message = format!("Cannot query field \"{}\" on type \"{name}\".", child.name);
            return Err(Refusal::Invalid(message, child.place));
        };
        arguments(&child, &name, kind.arguments(child.name, &found))?;
        if let Kind::Connection(object) = &found {
            input::list_arguments(call, object, &child.arguments(operation)?, child.place)?;
        }
        selection(call, operation, &child, &found, count)?;
    }
    Ok(())
}

/// Refuses arguments that a field does not take.
pub(super) fn arguments(node: &Node<'_>, parent: &str, known: &[&str]) -> Result<(), Refusal> {
    match node.argument_names().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(unknown) => {
            let message = format!("Unknown argument \"{unknown}\" on field \"{parent}.{}\".", node.name);
            Err(Refusal::Invalid(message, node.place))
        }
    }
}
