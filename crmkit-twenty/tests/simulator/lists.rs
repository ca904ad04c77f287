//! Paging, order and filters over REST.

use serde_json::{Value, json};

use crate::api::{Api, all, id, start};

async fn names(api: &Api, query: &str) -> Vec<String> {
    let answer = api.get(&format!("/rest/companies?{query}")).await;
    let names = all(&answer["data"]["companies"], "name");
    names.iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_follow_the_id() {
    let (_simulator, api) = start().await;
    for _ in 0..2 {
        let batch: Vec<Value> = (0..150).map(|number| json!({"name": format!("{number}")})).collect();
        api.post("/rest/batch/companies", json!(batch)).await;
    }
    let page = api.get("/rest/companies").await;
    assert_eq!((page["data"]["companies"].as_array().unwrap().len(), &page["totalCount"]), (60, &json!(300)));
    assert_eq!(page["pageInfo"]["hasPreviousPage"], false);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/rest/companies?limit=500{cursor}")).await;
        seen.extend(all(&page["data"]["companies"], "id"));
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        assert_eq!(page["data"]["companies"].as_array().unwrap().len(), 200);
        let end = page["pageInfo"]["endCursor"].as_str().unwrap();
        cursor = format!("&starting_after={}", end.replace('=', "%3D").replace('+', "%2B"));
    }
    let mut sorted = seen.clone();
    sorted.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    sorted.dedup();
    assert!(seen.len() == 300 && seen == sorted);
    let count = api.get("/rest/companies?limit=0").await;
    assert_eq!((&count["data"]["companies"], &count["totalCount"]), (&json!([]), &json!(300)));
    assert_eq!(count["pageInfo"]["hasNextPage"], true);
    api.refused("GET", "/rest/companies?starting_after=zzz", json!({}), 400, "Invalid cursor: zzz").await;
    api.refused("GET", "/rest/companies?limit=abc", json!({}), 400, "limit 'abc' is invalid. Should be an integer")
        .await;
}

#[tokio::test]
async fn order_and_both_directions() {
    let (_simulator, api) = start().await;
    api.post("/rest/batch/companies", json!([{"name": "b"}, {"name": "a"}, {}, {"name": "c"}])).await;
    assert_eq!(names(&api, "order_by=name").await, ["", "a", "b", "c"]);
    assert_eq!(names(&api, "order_by=name[DescNullsLast]").await, ["c", "b", "a", ""]);
    assert_eq!(names(&api, "order_by=name[AscNullsLast],createdAt&limit=2").await, ["a", "b"]);
    let page = api.get("/rest/companies?order_by=name[AscNullsLast]&limit=2").await;
    let end = page["pageInfo"]["endCursor"].as_str().unwrap().replace('=', "%3D").replace('+', "%2B");
    assert_eq!(names(&api, &format!("order_by=name[AscNullsLast]&starting_after={end}")).await, ["c", ""]);
    let back = api.get(&format!("/rest/companies?order_by=name[AscNullsLast]&ending_before={end}")).await;
    assert_eq!(all(&back["data"]["companies"], "name"), ["a"]);
    assert_eq!((&back["pageInfo"]["hasNextPage"], &back["totalCount"]), (&json!(false), &json!(4)));
    let body = api
        .refused(
            "GET",
            "/rest/companies?order_by=nope",
            json!({}),
            400,
            "Field \"nope\" does not exist or is not sortable",
        )
        .await;
    assert_eq!(body["code"], "FIELD_NOT_FOUND");
    let (status, body) = api.call("GET", "/rest/companies?order_by=name[Foo]", None).await;
    let start = "'order_by' direction 'Foo' invalid. Allowed values are 'AscNullsFirst', 'AscNullsLast', 'DescNullsFirst', 'DescNullsLast'. eg: ";
    assert!(status == 400 && body["messages"][0].as_str().unwrap().starts_with(start));
}

#[tokio::test]
async fn filters_compare_and_nest() {
    let (_simulator, api) = start().await;
    let revenue = |euros: i64| json!({"amountMicros": euros * 1_000_000, "currencyCode": "EUR"});
    api.post(
        "/rest/batch/companies",
        json!([
            {"name": "Alpha", "annualRevenue": revenue(5), "address": {"addressCity": "Paris"}},
            {"name": "Beta, Inc", "annualRevenue": revenue(50), "address": {"addressCity": "Lund"}},
            {"name": "Gamma (x)"},
        ]),
    )
    .await;
    for (filter, expected) in [
        ("name[eq]:\"Alpha\"", vec!["Alpha"]),
        ("name[eq]:\"Beta, Inc\"", vec!["Beta, Inc"]),
        ("name[eq]:\"Gamma (x)\"", vec!["Gamma (x)"]),
        ("name[startsWith]:Al", vec!["Alpha"]),
        ("name[ilike]:%25A%25,address.addressCity[eq]:Lund", vec!["Beta, Inc"]),
        ("name[like]:%25m%25", vec!["Gamma (x)"]),
        ("name[in]:[Alpha,\"Gamma (x)\"]", vec!["Alpha", "Gamma (x)"]),
        ("annualRevenue.amountMicros[gte]:50000000", vec!["Beta, Inc"]),
        ("annualRevenue.amountMicros[lt]:50000000", vec!["Alpha"]),
        ("annualRevenue.amountMicros[is]:NULL", vec!["Gamma (x)"]),
        ("or(name[eq]:Alpha,and(name[endsWith]:Inc,address.addressCity[is]:NOT_NULL))", vec!["Alpha", "Beta, Inc"]),
        ("not(address.addressCity[eq]:Paris)", vec!["Beta, Inc"]),
        ("address.addressCity[neq]:Paris", vec!["Beta, Inc"]),
        ("createdBy.source[eq]:\"API\"", vec!["Alpha", "Beta, Inc", "Gamma (x)"]),
        ("createdAt[gt]:2100-01-01", vec![]),
    ] {
        let found = names(&api, &format!("order_by=name&filter={filter}")).await;
        assert_eq!(found, expected, "{filter}");
    }
    let alpha = api.get("/rest/companies?filter=name[eq]:Alpha").await["data"]["companies"][0].clone();
    api.post("/rest/people", json!({"companyId": alpha["id"], "emails": {"primaryEmail": "A@B.example"}})).await;
    api.add_field("company", json!({"type": "UUID", "name": "legacyId", "label": "Legacy"})).await;
    let legacy = "20202020-15db-460e-8166-c7b5d87ad4be";
    api.post("/rest/companies", json!({"legacyId": legacy})).await;
    assert_eq!(api.get(&format!("/rest/companies?filter=legacyId[eq]:{legacy}")).await["totalCount"], 1);
    for filter in [format!("companyId[eq]:{}", id(&alpha)), "emails.primaryEmail[eq]:\"a@b.example\"".into()] {
        assert_eq!(api.get(&format!("/rest/people?filter={filter}")).await["totalCount"], 1, "{filter}");
    }
}

#[tokio::test]
async fn wrong_filters_are_told() {
    let (_simulator, api) = start().await;
    for (filter, message) in [
        ("name[eq]1", "'filter' invalid for 'name[eq]1'. eg: price[gte]:10"),
        ("and(name[eq]:1", "'filter' invalid. 1 close bracket is missing in the query"),
        ("nope[eq]:1", "Object company doesn't have any \"nope\" field."),
        ("id[eq]:zz", "Invalid UUID value 'zz' for field \"id\""),
    ] {
        api.refused("GET", &format!("/rest/companies?filter={filter}"), json!({}), 400, message).await;
    }
    let (_, body) = api.call("GET", "/rest/companies?filter=name[foo]:1", None).await;
    let end = "comparator foo not in eq, neq, in, containsAny, is, gt, gte, lt, lte, startsWith, endsWith, like, ilike";
    assert!(body["messages"][0].as_str().unwrap().ends_with(end), "{body}");
}

#[tokio::test]
async fn long_addresses_are_too_long() {
    let (_simulator, api) = start().await;
    let list = |count: usize| vec!["20202020-15db-460e-8166-c7b5d87ad4be"; count].join(",");
    assert_eq!(api.get(&format!("/rest/companies?filter=id[in]:[{}]", list(150))).await["totalCount"], 0);
    let answer = api.send("GET", &format!("/rest/companies?filter=id[in]:[{}]", list(500)), None).await.unwrap();
    assert_eq!(answer.status().as_u16(), 431);
}
