//! What can be done with records, however it was asked for.

mod compare;
mod composite;
mod connect;
mod create;
mod filter;
mod page;
mod path;
mod phone;
mod present;
mod remove;
mod rest_filter;
mod rich_text;
mod sort;
mod update;
mod value;

pub(super) use create::{create_many, create_one};
pub(super) use filter::{Filter, from_graphql};
pub(super) use page::{Page, Window, find_many, find_one, matching, page_of};
pub(super) use present::{cursor_of, field_value, present, related_many, related_one};
pub(super) use remove::{destroy_many, destroy_one, restore_many, restore_one, soft_delete_many, soft_delete_one};
pub(super) use rest_filter::parse as from_rest;
pub(super) use sort::{Order, from_graphql as order_from_graphql, from_rest as order_from_rest};
pub(super) use update::{update_many, update_one};
