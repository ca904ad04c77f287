//! The operations on records over GraphQL.

use serde_json::{Value, json};

use crate::api::{all, id, start};

#[tokio::test]
async fn batches_are_created_and_upserted() {
    let (simulator, api) = start().await;
    let create = "mutation C($data: [CompanyCreateInput!]!, $upsert: Boolean) {
        createCompanies(data: $data, upsert: $upsert) { id name domainName { primaryLinkUrl } }
    }";
    let site = |url: &str, name: &str| json!({"name": name, "domainName": {"primaryLinkUrl": url}});
    let made =
        api.query(create, json!({"data": [site("https://a.example", "A"), site("https://b.example", "B")]})).await;
    assert_eq!(all(&made["createCompanies"], "name"), ["A", "B"]);
    let again = json!({"data": [site("https://a.example", "A2")], "upsert": true});
    assert_eq!(api.query(create, again).await["createCompanies"][0]["id"], made["createCompanies"][0]["id"]);
    assert_eq!(simulator.rows("companies").len(), 2);
    let too_many: Vec<Value> = (0..201).map(|_| json!({})).collect();
    let answer = api.graphql("/graphql", create, json!({"data": too_many})).await;
    assert_eq!(answer["errors"][0]["message"], "Maximum number of records to upsert is 200.");
}

#[tokio::test]
async fn selections_follow_relations_aliases_and_fragments() {
    let (_simulator, api) = start().await;
    let company = api.post("/rest/companies", json!({"name": "Acme"})).await;
    api.post(
        "/rest/batch/people",
        json!([{"companyId": company["id"], "jobTitle": "CTO"}, {"companyId": company["id"]}]),
    )
    .await;
    let query = "query Q($with: Boolean!) {
        firms: companies(first: 1) {
            __typename totalCount
            pageInfo { hasNextPage }
            edges { cursor node { ...Firm people(filter: {jobTitle: {eq: \"CTO\"}}) { totalCount edges { node { company { name } } } } } }
        }
        person(filter: {jobTitle: {eq: \"CTO\"}}) { ... on Person { jobTitle } companyId @include(if: $with) }
    }
    fragment Firm on Company { __typename name createdBy { source } annualRevenue { currencyCode } }";
    let data = api.query(query, json!({"with": false})).await;
    let firms = &data["firms"];
    assert_eq!((&firms["__typename"], &firms["totalCount"]), (&json!("CompanyConnection"), &json!(1)));
    assert!(firms["edges"][0]["cursor"].is_string());
    let expected = json!({
        "__typename": "Company", "name": "Acme", "createdBy": {"source": "API"}, "annualRevenue": {"currencyCode": ""},
        "people": {"totalCount": 1, "edges": [{"node": {"company": {"name": "Acme"}}}]},
    });
    assert_eq!(firms["edges"][0]["node"], expected);
    assert_eq!(data["person"], json!({"jobTitle": "CTO"}));
}

#[tokio::test]
async fn lists_are_filtered_ordered_and_paged() {
    let (_simulator, api) = start().await;
    let batch: Vec<Value> = (0..5).map(|number| json!({"name": format!("C{number}")})).collect();
    let made = api.post("/rest/batch/companies", json!(batch)).await;
    api.post("/rest/people", json!({"companyId": made[1]["id"], "emails": {"primaryEmail": "a@b.example"}})).await;
    let list = "query L($first: Int, $last: Int, $after: String, $before: String, $offset: Int, $filter: CompanyFilterInput, $orderBy: [CompanyOrderByInput]) {
        companies(first: $first, last: $last, after: $after, before: $before, offset: $offset, filter: $filter, orderBy: $orderBy) {
            totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { node { name } }
        }
    }";
    let names = |answer: &Value| -> Vec<String> {
        let edges = answer["companies"]["edges"].as_array().unwrap();
        edges.iter().map(|edge| edge["node"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let order = json!([{"name": "DescNullsLast"}]);
    let page = api.query(list, json!({"first": 2, "orderBy": order})).await;
    assert_eq!((names(&page), &page["companies"]["totalCount"]), (vec!["C4".into(), "C3".into()], &json!(5)));
    let after = page["companies"]["pageInfo"]["endCursor"].clone();
    let next = api.query(list, json!({"first": 2, "orderBy": order, "after": after})).await;
    assert_eq!(
        (names(&next), &next["companies"]["pageInfo"]["hasNextPage"]),
        (vec!["C2".into(), "C1".into()], &json!(true))
    );
    let back = api
        .query(list, json!({"last": 2, "orderBy": order, "before": next["companies"]["pageInfo"]["startCursor"]}))
        .await;
    assert_eq!(names(&back), ["C4", "C3"]);
    assert_eq!(names(&api.query(list, json!({"first": 1, "offset": 2, "orderBy": order})).await), ["C2"]);
    for (filter, expected) in [
        (json!({"name": {"ilike": "c%"}, "id": {"in": [made[0]["id"], made[3]["id"]]}}), vec!["C0", "C3"]),
        (json!({"or": [{"name": {"eq": "C1"}}, {"and": [{"name": {"gte": "C4"}}]}]}), vec!["C1", "C4"]),
        (json!({"not": {"name": {"neq": "C2"}}}), vec!["C2"]),
        (json!({"people": {"emails": {"primaryEmail": {"eq": "a@b.example"}}}}), vec!["C1"]),
        (json!({"accountOwnerId": {"is": "NOT_NULL"}}), vec![]),
    ] {
        let found = api.query(list, json!({"filter": filter, "orderBy": [{"name": "AscNullsFirst"}]})).await;
        assert_eq!(names(&found), expected, "{filter}");
    }
}

#[tokio::test]
async fn deleting_is_soft_and_destroying_is_not() {
    let (simulator, api) = start().await;
    let made = api.post("/rest/batch/companies", json!([{}, {}, {}])).await;
    let ids: Vec<String> = made.as_array().unwrap().iter().map(id).collect();
    let one = |verb: &str| format!("mutation M($id: UUID!) {{ {verb}Company(id: $id) {{ id deletedAt }} }}");
    let many = |verb: &str| format!("mutation M($f: CompanyFilterInput!) {{ {verb}Companies(filter: $f) {{ id }} }}");
    let deleted = api.query(&one("delete"), json!({"id": ids[0]})).await;
    assert!(deleted["deleteCompany"]["deletedAt"].is_string());
    assert_eq!(api.query("{ companies { totalCount } }", json!({})).await["companies"]["totalCount"], 2);
    let trash = "{ companies(filter: {deletedAt: {is: NOT_NULL}}) { totalCount } }";
    assert_eq!(api.query(trash, json!({})).await["companies"]["totalCount"], 1);
    api.query(&one("restore"), json!({"id": ids[0]})).await;
    api.query(&many("delete"), json!({"f": {"id": {"in": ids[..2]}}})).await;
    assert_eq!(api.query(trash, json!({})).await["companies"]["totalCount"], 2);
    let gone = api.query(&many("destroy"), json!({"f": {"id": {"in": ids}}})).await;
    assert_eq!(gone["destroyCompanies"].as_array().unwrap().len(), 3);
    assert!(simulator.rows("companies").is_empty());
    let answer = api.graphql("/graphql", &one("destroy"), json!({"id": ids[0]})).await;
    assert_eq!(answer["errors"][0]["extensions"]["subCode"], "RECORD_NOT_FOUND");
}

#[tokio::test]
async fn updates_of_one_and_of_many() {
    let (_simulator, api) = start().await;
    let made = api.post("/rest/batch/companies", json!([{"name": "A"}, {"name": "A"}])).await;
    let one = "mutation M($id: UUID!, $data: CompanyUpdateInput!) { updateCompany(id: $id, data: $data) { name } }";
    let changed = api.query(one, json!({"id": made[0]["id"], "data": {"name": "B"}})).await;
    assert_eq!(changed["updateCompany"]["name"], "B");
    let many = "mutation { updateCompanies(filter: {name: {eq: \"A\"}}, data: {name: \"C\"}) { name } }";
    assert_eq!(api.query(many, json!({})).await["updateCompanies"], json!([{"name": "C"}]));
}

#[tokio::test]
async fn roots_of_a_mutation_succeed_or_fail_one_by_one() {
    let (simulator, api) = start().await;
    let two = "mutation { good: createCompany(data: {name: \"A\"}) { name } bad: createCompany(data: {accountOwnerId: \"zz\"}) { id } }";
    let answer = api.graphql("/graphql", two, json!({})).await;
    assert_eq!(answer["data"], json!({"good": {"name": "A"}, "bad": null}));
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
    assert_eq!(simulator.rows("companies").len(), 1);
}

#[tokio::test]
async fn documents_are_checked_before_anything_runs() {
    let (simulator, api) = start().await;
    let long: String = (0..21).map(|number| format!("c{number}: companies {{ totalCount }} ")).collect();
    for (query, message) in [
        ("{ companies { totalCuont } }", "Cannot query field \"totalCuont\" on type \"CompanyConnection\"."),
        ("{ company { id } }", "Field \"company\" argument \"filter\" is required, but it was not provided."),
        (
            "{ companies { edges { node { name { x } } } } }",
            "Field \"name\" must not have a selection since type \"String\" has no subfields.",
        ),
        ("{ firms { totalCount } }", "Cannot query field \"firms\" on type \"Query\"."),
        ("{ companies(limit: 1) { totalCount } }", "Unknown argument \"limit\" on field \"Query.companies\"."),
        (
            "{ companies(filter: {nope: {eq: 1}}) { totalCount } }",
            "Field \"nope\" is not defined by type \"CompanyFilterInput\".",
        ),
        (
            "{ companies(filter: {id: {like: \"x\"}}) { totalCount } }",
            "Field \"like\" is not defined by type \"UUIDFilter\".",
        ),
        (
            "mutation { createCompany(data: {people: []}) { id } }",
            "Field \"people\" is not defined by type \"CompanyCreateInput\".",
        ),
        (
            "mutation { createCompany(data: {name: \"A\"}) { nope } }",
            "Cannot query field \"nope\" on type \"Company\".",
        ),
        (
            "mutation M($d: CompanyCreateInput!) { createCompany(data: $d) { id } }",
            "Variable \"$d\" of required type \"CompanyCreateInput!\" was not provided.",
        ),
        (
            "{ companies { ...F } } fragment F on Person { id }",
            "Fragment cannot be spread here as objects of type \"CompanyConnection\" can never be of type \"Person\".",
        ),
        (&format!("{{ {long} }}"), "Too many root resolvers. Maximum allowed is 20"),
    ] {
        let answer = api.graphql("/graphql", query, json!({})).await;
        assert_eq!(answer["errors"][0]["message"], message, "{answer}");
        assert!(answer.get("data").is_none());
    }
    let answer = api.graphql("/graphql", "{ companies", json!({})).await;
    assert!(answer["errors"][0]["message"].as_str().unwrap().starts_with("Syntax Error"));
    let author = "mutation { createCompany(data: {createdBy: {source: IMPORT, name: \"x\"}}) { id } }";
    let answer = api.graphql("/graphql", author, json!({})).await;
    assert_eq!(answer["errors"][0]["message"], "Field \"name\" is not defined by type \"ActorCreateInput\".");
    assert!(simulator.rows("companies").is_empty());
    let author = "mutation { createCompany(data: {createdBy: {source: IMPORT}}) { createdBy { source name } } }";
    let made = api.query(author, json!({})).await;
    assert_eq!(made["createCompany"]["createdBy"], json!({"source": "IMPORT", "name": "Migration"}));
}

#[tokio::test]
async fn what_is_not_modelled_says_so() {
    let (simulator, api) = start().await;
    for query in ["{ companies { maxCreatedAt } }", "{ companyDuplicates(ids: []) { totalCount } }"] {
        let answer = api.send("POST", "/graphql", Some(json!({"query": query}))).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-simulator"]),
            (501, &"not modelled".parse().unwrap())
        );
    }
    let answer = api.send("POST", "/metadata", Some(json!({"query": "{ apiKeys { id } }"}))).await.unwrap();
    assert_eq!(answer.status().as_u16(), 501);
    for path in ["/rest/companies/duplicates", "/rest/metadata/views", "/rest/open-api/core", "/nope"] {
        let answer = api.send("POST", path, Some(json!({}))).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["x-simulator"]),
            (501, &"not modelled".parse().unwrap()),
            "{path}"
        );
    }
    assert_eq!(simulator.verify().len(), 7, "{:?}", simulator.verify());
}
