//! Currencies (v1): the same few in every account.

use serde_json::{Value, json};

use super::Route;
use crate::simulator::answer::{Answer, Answered};
use crate::simulator::call::Call;

const CURRENCIES: [(&str, &str, &str, i64); 22] = [
    ("EUR", "Euro", "€", 2),
    ("USD", "US Dollar", "$", 2),
    ("GBP", "British Pound Sterling", "£", 2),
    ("SEK", "Swedish Krona", "kr", 2),
    ("NOK", "Norwegian Krone", "kr", 2),
    ("DKK", "Danish Krone", "kr", 2),
    ("ISK", "Icelandic Króna", "kr", 0),
    ("CHF", "Swiss Franc", "CHF", 2),
    ("PLN", "Polish Złoty", "zł", 2),
    ("CZK", "Czech Republic Koruna", "Kč", 2),
    ("HUF", "Hungarian Forint", "Ft", 2),
    ("RON", "Romanian Leu", "lei", 2),
    ("CAD", "Canadian Dollar", "CA$", 2),
    ("AUD", "Australian Dollar", "A$", 2),
    ("NZD", "New Zealand Dollar", "NZ$", 2),
    ("JPY", "Japanese Yen", "¥", 0),
    ("CNY", "Chinese Yuan", "CN¥", 2),
    ("INR", "Indian Rupee", "₹", 2),
    ("SGD", "Singapore Dollar", "S$", 2),
    ("BRL", "Brazilian Real", "R$", 2),
    ("MXN", "Mexican Peso", "MX$", 2),
    ("ZAR", "South African Rand", "R", 2),
];

pub(super) fn route(method: &str, template: &str) -> Option<Route> {
    ((method, template) == ("GET", "/api/v1/currencies")).then_some(list as Route)
}

/// Whether the account has this currency.
pub(in crate::simulator) fn is_known(code: &str) -> bool {
    CURRENCIES.iter().any(|(known, ..)| *known == code)
}

fn list(call: &mut Call<'_>) -> Answered {
    let term = call.param("term").unwrap_or_default().to_lowercase();
    let wanted = |(_, (code, name, ..)): &(i64, &(&str, &str, &str, i64))| {
        code.to_lowercase().contains(&term) || name.to_lowercase().contains(&term)
    };
    let show = |(id, (code, name, symbol, points)): (i64, &(&str, &str, &str, i64))| {
        json!({
            "id": id, "code": code, "name": name, "decimal_points": points, "symbol": symbol, "active_flag": true,
            "is_custom_flag": false,
        })
    };
    let listed: Value = (1..).zip(&CURRENCIES).filter(wanted).map(show).collect();
    Ok(Answer::ok(listed))
}
