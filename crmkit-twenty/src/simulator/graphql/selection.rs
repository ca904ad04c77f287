//! The fields that a selection asks for, with fragments and directives resolved.

use async_graphql_parser::Positioned;
use async_graphql_parser::types::{Directive, Selection, SelectionSet};
use async_graphql_value::Name;
use serde_json::{Map, Value};

use super::Refusal;
use super::document::Operation;

/// One field that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    /// Its key in the answer.
    pub(super) key: String,
    pub(super) name: &'a str,
    /// Line and column.
    pub(super) place: (usize, usize),
    arguments: &'a [(Positioned<Name>, Positioned<async_graphql_value::Value>)],
    children: Vec<&'a SelectionSet>,
}

impl<'a> Node<'a> {
    /// Whether anything is asked for below it.
    pub(super) fn has_children(&self) -> bool {
        self.children.iter().any(|children| !children.items.is_empty())
    }

    /// What is asked for below it, from something of type `parent`.
    pub(super) fn children(&self, operation: &Operation<'a>, parent: &str) -> Result<Vec<Node<'a>>, Refusal> {
        let mut nodes = Vec::new();
        for children in &self.children {
            operation.collect(children, parent, &mut nodes, 0)?;
        }
        Ok(nodes)
    }

    /// What is asked for below it; only for documents that were checked.
    pub(super) fn checked_children(&self, operation: &Operation<'a>, parent: &str) -> Vec<Node<'a>> {
        self.children(operation, parent).unwrap_or_default()
    }

    /// Its arguments with variables filled in; those that are null are left out.
    pub(super) fn arguments(&self, operation: &Operation<'a>) -> Result<Map<String, Value>, Refusal> {
        let mut arguments = Map::new();
        for (name, value) in self.arguments {
            let value = operation.value(value)?;
            if !value.is_null() {
                arguments.insert(name.node.to_string(), value);
            }
        }
        Ok(arguments)
    }

    /// The names of its arguments, null or not.
    pub(super) fn argument_names(&self) -> impl Iterator<Item = &'a str> {
        self.arguments.iter().map(|(name, _)| name.node.as_str())
    }
}

impl<'a> Operation<'a> {
    /// The fields of a selection on something of type `parent`.
    pub(super) fn nodes(&self, selection: &'a SelectionSet, parent: &str) -> Result<Vec<Node<'a>>, Refusal> {
        let mut nodes = Vec::new();
        self.collect(selection, parent, &mut nodes, 0)?;
        Ok(nodes)
    }

    fn collect(
        &self,
        selection: &'a SelectionSet,
        parent: &str,
        nodes: &mut Vec<Node<'a>>,
        depth: usize,
    ) -> Result<(), Refusal> {
        for item in &selection.items {
            let place = (item.pos.line, item.pos.column);
            match &item.node {
                Selection::Field(field) => {
                    let field = &field.node;
                    if !self.wanted(&field.directives)? {
                        continue;
                    }
                    let key = field.alias.as_ref().unwrap_or(&field.name).node.to_string();
                    let children = &field.selection_set.node;
                    match nodes.iter_mut().find(|node| node.key == key) {
                        Some(node) => node.children.push(children),
                        None => nodes.push(Node {
                            key,
                            name: field.name.node.as_str(),
                            place: (field.name.pos.line, field.name.pos.column),
                            arguments: &field.arguments,
                            children: vec![children],
                        }),
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let name = spread.node.fragment_name.node.as_str();
                    let unknown = || Refusal::Invalid(format!("Unknown fragment \"{name}\"."), place);
                    let fragment = self.fragment(name).ok_or_else(unknown)?;
                    if depth > 20 {
                        let message = format!("Cannot spread fragment \"{name}\" within itself.");
                        return Err(Refusal::Invalid(message, place));
                    }
                    let on = fragment.node.type_condition.node.on.node.as_str();
                    if self.wanted(&spread.node.directives)? && fits(on, parent, place)? {
                        self.collect(&fragment.node.selection_set.node, parent, nodes, depth + 1)?;
                    }
                }
                Selection::InlineFragment(fragment) => {
                    let on = fragment.node.type_condition.as_ref().map_or(parent, |on| on.node.on.node.as_str());
                    if self.wanted(&fragment.node.directives)? && fits(on, parent, place)? {
                        self.collect(&fragment.node.selection_set.node, parent, nodes, depth + 1)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// What `@include` and `@skip` decide.
    fn wanted(&self, directives: &[Positioned<Directive>]) -> Result<bool, Refusal> {
        for directive in directives {
            let place = (directive.pos.line, directive.pos.column);
            let condition = directive.node.arguments.iter().find(|(name, _)| name.node == "if");
            let held = match condition {
                Some((_, value)) => self.value(value)? == true,
                None => false,
            };
            match directive.node.name.node.as_str() {
                "include" if !held => return Ok(false),
                "skip" if held => return Ok(false),
                "include" | "skip" => {}
                other => return Err(Refusal::Invalid(format!("Unknown directive \"@{other}\"."), place)),
            }
        }
        Ok(true)
    }
}

fn fits(on: &str, parent: &str, place: (usize, usize)) -> Result<bool, Refusal> {
    if parent.is_empty() || on == parent {
        return Ok(true);
    }
    let message =
        format!("Fragment cannot be spread here as objects of type \"{parent}\" can never be of type \"{on}\".");
    Err(Refusal::Invalid(message, place))
}
