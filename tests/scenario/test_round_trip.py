"""A write keeps what it does not name (statement 85)."""

import json

from conftest import run


def test_85_a_put_of_nothing_keeps_an_imported_company(server):
    company = "11111111-1111-4111-8111-111111111111"
    job = {"id": "0f1e2d3c-4b5a-4968-8776-655443322110", "name": "n", "company_id": company, "company_code": "ACME",
           "project": {"reference_back_office": "P"}, "job_type": {"code": "T"}, "job_status_code": "Open"}
    run("import", "--server", server.grpc, "-", stdin=json.dumps(job).encode())
    for given in ({}, {"name": "m"}, server.get(f"/api/Jobs({job['id']})").json()):
        shown = server.request("PUT", f"/api/Jobs({job['id']})", given).json()
        assert (shown["company_id"], shown["company_code"]) == (company, "ACME")
