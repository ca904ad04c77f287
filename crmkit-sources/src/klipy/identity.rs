//! By what people and companies are known: e-mail addresses and domains, however they were written.

/// An e-mail address as a key: without display name and outer space, in lower case. `None` where there is no address.
///
/// ```
/// use crmkit_sources::klipy::email_key;
/// assert_eq!(email_key(r#" "Berg, Ann" <Ann.Berg@Acme.example>"#).as_deref(), Some("ann.berg@acme.example"));
/// assert_eq!(email_key("mailto:ann@acme.example").as_deref(), Some("ann@acme.example"));
/// assert_eq!(email_key("no address"), None);
/// ```
pub fn email_key(text: &str) -> Option<String> {
    let text = text.trim();
    let inner = match (text.rfind('<'), text.rfind('>')) {
        (Some(open), Some(close)) if open < close => &text[open + 1..close],
        _ => text,
    };
    let address = inner.trim().trim_matches(['\'', '"']).to_lowercase();
    let address = address.strip_prefix("mailto:").unwrap_or(&address).trim();
    let (local, domain) = address.rsplit_once('@')?;
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || "<>(),;:\"[]\\@".contains(letter);
    let whole = !local.is_empty() && !local.contains(odd) && domain.contains('.');
    let labels = domain.split('.').all(|label| !label.is_empty() && !label.contains(odd));
    (whole && labels).then(|| address.to_owned())
}

/// A domain as a key: without scheme, `www.`, path, port and final dot, in lower case and in the form that the network uses. `None`
/// where there is no domain.
///
/// ```
/// use crmkit_sources::klipy::domain_key;
/// for text in ["acme.example", "www.Acme.example", "https://acme.example:8443/about", "http://WWW.acme.example."] {
///     assert_eq!(domain_key(text).as_deref(), Some("acme.example"), "{text}");
/// }
/// assert_eq!(domain_key("Acme"), None);
/// ```
pub fn domain_key(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.contains(char::is_whitespace) || text.contains('@') {
        return None;
    }
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{}", text.trim_start_matches("//")) };
    let url = url::Url::parse(&url).ok()?;
    let url::Host::Domain(host) = url.host()? else { return None };
    let host = host.trim_end_matches('.').to_lowercase();
    let host = host.strip_prefix("www.").unwrap_or(&host);
    (host.contains('.') && host.split('.').all(|label| !label.is_empty())).then(|| host.to_owned())
}

/// The domain of an address, unless everybody can have an address there: no company is known by it.
pub(super) fn company_domain(email: &str) -> Option<&str> {
    let (_, domain) = email.rsplit_once('@')?;
    (!is_free(domain)).then_some(domain)
}

/// Whether everybody can have an address at a domain.
pub(super) fn is_free(domain: &str) -> bool {
    const FREE: [&str; 38] = [
        "gmail.com",
        "googlemail.com",
        "outlook.com",
        "hotmail.com",
        "hotmail.co.uk",
        "hotmail.fr",
        "hotmail.se",
        "live.com",
        "live.se",
        "msn.com",
        "yahoo.com",
        "yahoo.co.uk",
        "yahoo.fr",
        "yahoo.de",
        "ymail.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "t-online.de",
        "freenet.de",
        "mail.ru",
        "yandex.ru",
        "qq.com",
        "163.com",
        "proton.me",
        "protonmail.com",
        "pm.me",
        "tutanota.com",
        "zoho.com",
        "fastmail.com",
        "orange.fr",
        "telia.com",
        "comcast.net",
    ];
    FREE.contains(&domain)
}

/// A phone number as a key: its digits. Too few tell nobody apart.
pub(super) fn phone_key(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.strip_prefix("00").unwrap_or(&digits);
    (digits.len() >= 7).then(|| digits.to_owned())
}

/// A LinkedIn address as a key: its path.
pub(super) fn linkedin_key(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (_, path) = text.split_once("linkedin.com/")?;
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_what_people_and_programs_add() {
        let cases = [
            ("Ann B <a@b.example>", Some("a@b.example")),
            ("'A@B.example'", Some("a@b.example")),
            ("åsa@räksmörgås.example", Some("åsa@räksmörgås.example")),
            ("a@b@c.example", None),
            ("a@b", None),
            ("a@b..example", None),
            ("a@b.example, c@d.example", None),
            ("<>", None),
            ("", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(email_key(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn domains_of_any_spelling_are_one() {
        let same = [domain_key("räksmörgås.example"), domain_key("https://www.XN--RKSMRGS-5WAO1O.example/")];
        assert!(same[0].is_some() && same[0] == same[1], "{same:?}");
        for text in ["", "ann@acme.example", "10.0.0.1", "localhost", "http://", "a b.example", "..example"] {
            assert_eq!(domain_key(text), None, "{text}");
        }
        assert_eq!(company_domain("david@gmail.com"), None);
        assert_eq!(company_domain("a@acme.example"), Some("acme.example"));
    }

    #[test]
    fn phones_and_profiles_have_keys() {
        assert_eq!(phone_key("+46 (0)70-123 45 67"), phone_key("46 070 1234567"));
        assert_eq!(phone_key("12"), None);
        assert_eq!(linkedin_key("https://www.LinkedIn.com/in/ann-berg/?x=1").as_deref(), Some("in/ann-berg"));
    }
}
