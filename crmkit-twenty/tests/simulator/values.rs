//! What may be written into fields of each type, and what comes back.

use serde_json::{Value, json};

use crate::api::{Api, id, start};

async fn company(api: &Api, body: Value) -> Value {
    api.post("/rest/companies", body).await
}

#[tokio::test]
async fn emails_are_checked_and_lower_cased() {
    let (_simulator, api) = start().await;
    let emails = json!({"primaryEmail": "Ada@Example.COM", "additionalEmails": ["B@x.example"]});
    let made = api.post("/rest/people", json!({"emails": emails})).await;
    assert_eq!(made["emails"], json!({"primaryEmail": "ada@example.com", "additionalEmails": ["b@x.example"]}));
    let wrong = json!({"emails": {"primaryEmail": "not-an-email"}});
    let message = "Invalid string value 'not-an-email' for email field \"emails.primaryEmail\"";
    api.refused("POST", "/rest/people", wrong, 400, message).await;
    api.refused(
        "POST",
        "/rest/people",
        json!({"emails": "a@b.c"}),
        400,
        "Invalid object value 'a@b.c' for field \"emails\"",
    )
    .await;
    let first = json!({"name": {"first": "Ada"}});
    api.refused("POST", "/rest/people", first, 400, "Invalid subfield first for full name field \"name\"").await;
}

#[tokio::test]
async fn links_are_normalised_as_far_as_they_are_urls() {
    let (_simulator, api) = start().await;
    let links = |url: &str| json!({"linkedinLink": {"primaryLinkUrl": url}});
    for (given, stored) in [
        ("HTTPS://A1.example/", "https://a1.example"),
        ("acme.com", "acme.com"),
        ("https://x.example/A/", "https://x.example/A"),
    ] {
        assert_eq!(company(&api, links(given)).await["linkedinLink"]["primaryLinkUrl"], stored);
    }
    let second = json!({"linkedinLink": {"primaryLinkUrl": "", "secondaryLinks": [{"url": "https://two.example", "label": "2"}]}});
    let promoted = company(&api, second).await["linkedinLink"].clone();
    assert_eq!((&promoted["primaryLinkUrl"], &promoted["secondaryLinks"]), (&json!("https://two.example"), &json!([])));
}

#[tokio::test]
async fn phones_are_taken_apart() {
    let (_simulator, api) = start().await;
    let phones = json!({"primaryPhoneNumber": "+33612345678", "additionalPhones": [{"number": "+33612345679"}]});
    let made = api.post("/rest/people", json!({"phones": phones})).await;
    assert_eq!(
        made["phones"],
        json!({
            "primaryPhoneNumber": "612345678", "primaryPhoneCountryCode": "FR", "primaryPhoneCallingCode": "+33",
            "additionalPhones": [{"number": "612345679", "callingCode": "+33", "countryCode": "FR"}],
        })
    );
    for number in ["555-0100", "12"] {
        let phones = json!({"phones": {"primaryPhoneNumber": number}});
        let message = format!("Provided phone number is invalid {number}");
        assert_eq!(api.refused("POST", "/rest/people", phones, 400, &message).await["code"], "INVALID_PHONE_NUMBER");
    }
    let clash = json!({"phones": {"primaryPhoneNumber": "612345678", "primaryPhoneCountryCode": "FR", "primaryPhoneCallingCode": "+46"}});
    let body =
        api.refused("POST", "/rest/people", clash, 400, "Provided country code and calling code are conflicting").await;
    assert_eq!(body["code"], "CONFLICTING_PHONE_CALLING_CODE_AND_COUNTRY_CODE");
}

#[tokio::test]
async fn money_is_whole_micros() {
    let (_simulator, api) = start().await;
    for (given, stored) in [(json!(1.5), json!(1)), (json!("5000000"), json!(5_000_000)), (json!(-3), json!(-3))] {
        let money = json!({"annualRevenue": {"amountMicros": given, "currencyCode": "anything"}});
        let made = company(&api, money).await["annualRevenue"].clone();
        assert_eq!((&made["amountMicros"], &made["currencyCode"]), (&stored, &json!("anything")));
    }
}

#[tokio::test]
async fn rich_text_has_two_forms() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/notes", json!({"bodyV2": {"markdown": "# Hi\n\n- a <b>x</b>"}})).await;
    assert_eq!(made["bodyV2"]["markdown"], "# Hi\n\n- a <b>x</b>");
    let blocks = made["bodyV2"]["blocknote"].as_str().unwrap();
    let parsed: Value = serde_json::from_str(blocks).unwrap();
    assert_eq!((&parsed[0]["type"], &parsed[1]["content"][0]["text"]), (&json!("heading"), &json!("a x")));
    let back = api.post("/rest/notes", json!({"bodyV2": {"blocknote": blocks}})).await;
    assert_eq!(back["bodyV2"]["markdown"], "# Hi\n\n- a x");
    for (blocknote, why) in [("{", "must contain valid JSON"), ("{}", "must be a JSON array of blocks")] {
        let message = format!("Invalid blocknote value for field \"bodyV2.blocknote\" - {why}");
        api.refused("POST", "/rest/notes", json!({"bodyV2": {"blocknote": blocknote}}), 400, &message).await;
    }
    assert_eq!(api.post("/rest/notes", json!({})).await["bodyV2"], json!({"blocknote": null, "markdown": null}));
}

#[tokio::test]
async fn options_and_dates() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/opportunities", json!({"closeDate": "2025-01-31"})).await;
    assert_eq!((&made["stage"], &made["closeDate"]), (&json!("NEW"), &json!("2025-01-31T00:00:00.000Z")));
    let path = format!("/rest/opportunities/{}", id(&made));
    let moved = api.patch(&path, json!({"closeDate": "2025-01-31T12:00:00+02:00", "stage": "MEETING"})).await;
    assert_eq!((&moved["closeDate"], &moved["stage"]), (&json!("2025-01-31T10:00:00.000Z"), &json!("MEETING")));
    for (body, message) in [
        (
            json!({"stage": "WON"}),
            "Invalid value \"WON\" for field \"stage\". Valid values are: NEW, SCREENING, MEETING, PROPOSAL, CUSTOMER",
        ),
        (
            json!({"stage": null}),
            "null value in column \"stage\" of relation \"opportunity\" violates not-null constraint",
        ),
        (
            json!({"closeDate": "31/01/2025"}),
            "Invalid value '31/01/2025' for date-time field \"closeDate\". Expected format: 'YYYY-MM-DDTHH:mm:ssZ'",
        ),
        (json!({"companyId": "zz"}), "Invalid UUID value 'zz' for field \"companyId\""),
        (json!({"name": 5}), "Invalid string value 5 for text field \"name\""),
    ] {
        api.refused("PATCH", &path, body, 400, message).await;
    }
    assert_eq!(api.post("/rest/tasks", json!({})).await["status"], "TODO");
    assert_eq!(api.post("/rest/tasks", json!({"status": null})).await["status"], Value::Null);
}

#[tokio::test]
async fn custom_fields_of_every_type() {
    let (_simulator, api) = start().await;
    let options = json!([{"label": "One", "value": "ONE"}, {"label": "Two", "value": "TWO"}]);
    for field in [
        json!({"type": "NUMBER", "name": "x", "label": "X"}),
        json!({"type": "BOOLEAN", "name": "flag", "label": "Flag", "defaultValue": true}),
        json!({"type": "UUID", "name": "key", "label": "Key"}),
        json!({"type": "DATE", "name": "startsOn", "label": "Starts on"}),
        json!({"type": "MULTI_SELECT", "name": "multi", "label": "Multi", "options": options}),
        json!({"type": "ARRAY", "name": "words", "label": "Words"}),
        json!({"type": "RAW_JSON", "name": "raw", "label": "Raw"}),
        json!({"type": "RATING", "name": "stars", "label": "Stars"}),
    ] {
        api.add_field("company", field).await;
    }
    let values = json!({
        "x": 1.5, "flag": false, "key": "20202020-15db-460e-8166-c7b5d87ad4be", "startsOn": "2025-02-28", "multi": ["TWO", "ONE"],
        "words": ["a"], "raw": {"a": [1]}, "stars": "RATING_3",
    });
    let made = company(&api, values.clone()).await;
    for (name, value) in values.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    let empty = company(&api, json!({"multi": "ONE"})).await;
    assert_eq!((&empty["multi"], &empty["flag"], &empty["words"]), (&json!(["ONE"]), &json!(true), &Value::Null));
    for (body, message) in [
        (json!({"x": "1"}), "Invalid number value '1' for field \"x\""),
        (json!({"flag": "x"}), "Invalid boolean value 'x' for field \"flag\""),
        (json!({"multi": ["Z"]}), "Invalid value [ 'Z' ] for multi select field \"multi\""),
        (
            json!({"startsOn": "2025-13-01"}),
            "Invalid value '2025-13-01' for date field \"startsOn\". Expected format: 'YYYY-MM-DD'",
        ),
    ] {
        api.refused("POST", "/rest/companies", body, 400, message).await;
    }
    assert_eq!(api.get("/rest/companies?filter=multi[containsAny]:[TWO]").await["totalCount"], 1);
}

#[tokio::test]
async fn texts_are_kept_as_they_are() {
    let (_simulator, api) = start().await;
    let long = "x".repeat(70_000);
    assert_eq!(company(&api, json!({"name": long})).await["name"], long);
    assert_eq!(company(&api, json!({"name": "  a  "})).await["name"], "  a  ");
    let (status, body) = api.call("POST", "/rest/companies", Some(json!({"name": "a\u{0}b"}))).await;
    assert_eq!((status, &body["messages"][0]), (500, &json!("Data validation error.")));
    company(&api, json!({"name": ""})).await;
    assert_eq!(api.get("/rest/companies?filter=name[is]:NULL").await["totalCount"], 1);
}
