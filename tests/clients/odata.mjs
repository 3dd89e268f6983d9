// OData clients of npm against a running server. usage: node odata.mjs PACKAGES URL CLIENT SCENARIO
// PACKAGES: the folder that holds node_modules; URL: of the service, with a slash at its end. Exits 0 if all is as it should be.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [, , packages, url, client, scenario] = process.argv;
const require = createRequire(join(resolve(packages), "odata.js"));
const SAMPLE = "c4724560-42f6-42a7-8b67-0656dc8d7278";
const SINCE = new Date("2015-06-02T00:00:00.000Z");
const NEW_JOB = { name: "From npm", project: { reference_back_office: "N-1" }, job_type: { code: "NT" }, job_status_code: "Open" };
const NEW_TYPE = { code: "NT", name: "From npm" };

// Rows of a filter that is tried in JavaScript too.
const same = (rows, all, wanted) => {
  const ids = all.filter(wanted).map((job) => job.id).sort();
  assert.deepEqual(rows.map((job) => job.id).sort(), ids);
  assert.ok(ids.length > 0 && ids.length < all.length);
};

// By working_sequence, the largest first, then by id.
const falls = (rows) => rows.slice(1).forEach((job, i) => {
  const before = rows[i];
  assert.ok(job.working_sequence < before.working_sequence || (job.working_sequence === before.working_sequence && job.id > before.id));
});

// @odata/client: entity sets with a builder of options and filters.
function lightOData() {
  const { OData, EdmV4 } = require("@odata/client");
  const service = OData.New4({ serviceEndpoint: url });
  const jobs = service.getEntitySet("Jobs");
  const key = (id) => EdmV4.Guid.from(id);
  const everything = async () => {
    const pages = [];
    while (pages.length === 0 || pages.at(-1).length === 100) {
      pages.push(await jobs.query(service.newOptions().skip(100 * pages.length).top(100)));
    }
    return pages.flat();
  };
  const count = (filter) => jobs.count(filter);
  return {
    async list() {
      assert.equal((await jobs.query()).length, 100);
      assert.equal(await count(), 251);
      const two = await jobs.query(service.newOptions().format("json").select(["id", "name"]).top(2));
      assert.deepEqual(two.map(Object.keys), [["id", "name"], ["id", "name"]]);
      falls(await jobs.query(service.newOptions().orderby([{ field: "working_sequence", order: "desc" }, { field: "id", order: "asc" }])));
    },
    async filter() {
      const all = await everything();
      const by = (filter) => jobs.query(service.newOptions().filter(filter).top(250));
      const open = () => service.newFilter().property("job_status_code").eqString("Open");
      same(await by(open()), all, (job) => job.job_status_code === "Open");
      same(await by(open().property("working_sequence").ge(1)), all, (job) => job.job_status_code === "Open" && job.working_sequence >= 1);
      const status = service.newFilter().fieldIn("job_status_code", ["Open", "Completed"]);
      same(await by(status), all, (job) => ["Open", "Completed"].includes(job.job_status_code));
      same(await jobs.find({ project_id: all[5].project_id }), all, (job) => job.project_id === all[5].project_id);
      assert.equal(await count(service.newFilter().property("modified_dateutc").gt(EdmV4.DateTimeOffset.from(SINCE))), 251);
      assert.equal(await count(service.newFilter().property("id").eq(key(SAMPLE))), 1);
      same(await by(service.newFilter().property("project/name").eqString(all[5].project.name)), all, (job) => job.project.name === all[5].project.name);
    },
    async page() {
      const all = await everything();
      assert.equal(new Set(all.map((job) => job.id)).size, 251);
      const first = await service.newRequest({ collection: "Jobs", params: service.newOptions().top(150) });
      const rest = await (await fetch(first["@odata.nextLink"])).json();
      assert.deepEqual([...first.value, ...rest.value].map((job) => job.id), all.slice(0, 150).map((job) => job.id));
      assert.ok(!("@odata.nextLink" in rest));
    },
    async expand() {
      const [job] = await jobs.query(service.newOptions().select(["id"]).expand(["project", "job_type"]).top(1));
      assert.deepEqual(Object.keys(job), ["id", "project", "job_type"]);
      assert.equal(Object.keys(job.project).length, 48);
    },
    async get() {
      assert.equal((await jobs.retrieve(key(SAMPLE))).id, SAMPLE);
      assert.equal((await jobs.retrieve({ id: key(SAMPLE) })).id, SAMPLE);
      await assert.rejects(jobs.retrieve(key("11111111-1111-1111-1111-111111111111")), /there is no job/);
    },
    async write() {
      const job = await jobs.create(NEW_JOB);
      assert.match(job.id, /^[0-9a-f-]{36}$/);
      assert.equal(job.project.reference_back_office, "N-1");
      await jobs.update(key(job.id), { name: "Renamed", description: "d" });
      const changed = await jobs.retrieve(key(job.id));
      assert.deepEqual([changed.name, changed.description, changed.project_id], ["Renamed", "d", job.project_id]);
      assert.ok(changed.modified_dateutc > job.modified_dateutc);
      await jobs.delete(key(job.id));
      await assert.rejects(jobs.retrieve(key(job.id)), /there is no job/);
      await assert.rejects(jobs.create({ name: "" }), /name is required/);
    },
    async sets() {
      const types = service.getEntitySet("JobType");
      const type = await types.create(NEW_TYPE);
      await types.update(key(type.id), { name: "Renamed" });
      const [found] = await types.query(service.newOptions().filter(service.newFilter().property("code").eqString("NT")).top(5));
      assert.deepEqual([found.id, found.name, await types.count()], [type.id, "Renamed", 1]);
      await types.delete(key(type.id));
      assert.equal(await types.count(), 0);
    },
  };
}

// o.js sends what odata-query builds from plain objects.
function oJs() {
  const { o } = require("o.js");
  const build = require("odata-query").default;
  const service = o(url);
  const get = (query, path = "Jobs") => service.get(path + build(query)).query();
  const page = async (link) => await (await o(link).get("").fetch()).json();
  const everything = async () => {
    const rows = [];
    for (let link = `${url}Jobs`; link !== undefined;) {
      const { value, "@odata.nextLink": next } = await page(link);
      rows.push(...value);
      link = next;
    }
    return rows;
  };
  const problem = async (promise) => {
    const answer = await promise.then(() => assert.fail("no error"), (error) => error);
    return [answer.status, (await answer.json()).error.message];
  };
  return {
    async list() {
      assert.equal((await get({})).length, 100);
      assert.equal(await get({}, "Jobs/$count"), 251);
      assert.deepEqual((await get({ select: ["name", "id"], top: 2 })).map(Object.keys), [["id", "name"], ["id", "name"]]);
      falls(await get({ orderBy: ["working_sequence desc", "id"] }));
    },
    async filter() {
      const all = await everything();
      const by = (filter) => get({ filter, top: 100 });
      const project = all[5].project;
      same(await by({ job_status_code: "Open" }), all, (job) => job.job_status_code === "Open");
      same(await by({ job_status_code: "Open", working_sequence: { ge: 1 } }), all, (job) => job.job_status_code === "Open" && job.working_sequence >= 1);
      same(await by({ or: [{ job_status_code: "Open" }, { job_status_code: "Completed" }] }), all, (job) => ["Open", "Completed"].includes(job.job_status_code));
      same(await by({ job_status_code: { in: ["Open", "Completed"] } }), all, (job) => ["Open", "Completed"].includes(job.job_status_code));
      same(await by({ "tolower(name)": { contains: "lift" } }), all, (job) => job.name.toLowerCase().includes("lift"));
      same(await by({ "length(name)": { gt: 40 } }), all, (job) => job.name.length > 40);
      same(await by({ project_id: { type: "guid", value: project.id } }), all, (job) => job.project_id === project.id);
      same(await by({ project: { name: { startswith: project.name.slice(0, 4) }, is_mobile_installation: project.is_mobile_installation } }), all,
        (job) => job.project.name.startsWith(project.name.slice(0, 4)) && job.project.is_mobile_installation === project.is_mobile_installation);
      const counted = async (filter) => (await (await service.get("Jobs" + build({ filter, count: true, top: 1 })).fetch()).json())["@odata.count"];
      assert.equal(await counted({ modified_dateutc: { gt: SINCE } }), 251);
      assert.equal(await counted({ "year(modified_dateutc)": { lt: 2015 } }), 0);
      assert.equal(await counted({ name: "O'Brien & S\u00f6hne" }), 0);
      assert.equal(await counted({ not: [{ job_status_code: "Open" }] }), all.filter((job) => job.job_status_code !== "Open").length);
    },
    async page() {
      const all = await everything();
      assert.equal(new Set(all.map((job) => job.id)).size, 251);
      assert.deepEqual((await get({ skip: 240, top: 20 })).map((job) => job.id), all.slice(240).map((job) => job.id));
    },
    async expand() {
      const [job] = await get({ select: ["id"], expand: ["project", "job_type"], top: 1 });
      assert.deepEqual(Object.keys(job), ["id", "project", "job_type"]);
      const [other] = await get({ expand: { project: { select: ["id", "name"], expand: "equipment_family" } }, top: 1 });
      assert.deepEqual(Object.keys(other.project), ["id", "equipment_family", "name"]);
      assert.equal(Object.keys(other).length, 57);
    },
    async get() {
      assert.equal((await get({ key: { type: "guid", value: SAMPLE } })).id, SAMPLE);
      assert.equal(await get({}, `Jobs(${SAMPLE})/name`), (await get({}, `Jobs(${SAMPLE})`)).name);
      const [status, message] = await problem(get({}, "Jobs(11111111-1111-1111-1111-111111111111)"));
      assert.equal(status, 404);
      assert.match(message, /there is no job/);
    },
    async write() {
      const job = await service.post("Jobs", NEW_JOB).query();
      const path = `Jobs(${job.id})`;
      assert.equal((await service.patch(path, { name: "Patched" }).query()).name, "Patched");
      const put = await service.put(path, { description: "d" }).query();
      assert.deepEqual([put.name, put.description, put.project_id], ["Patched", "d", job.project_id]);
      assert.equal((await service.delete(path).query()).status, 204);
      assert.equal((await problem(service.get(path).query()))[0], 404);
      assert.match((await problem(service.post("Jobs", { name: "" }).query()))[1], /name is required/);
    },
    async sets() {
      const type = await service.post("JobType", NEW_TYPE).query();
      assert.equal((await service.patch(`JobType(${type.id})`, { name: "Renamed" }).query()).name, "Renamed");
      const found = await get({ filter: { code: "NT" }, top: 5 }, "JobType");
      assert.deepEqual(found.map((row) => [row.id, row.name]), [[type.id, "Renamed"]]);
      assert.equal((await service.delete(`JobType(${type.id})`).query()).status, 204);
      assert.equal(await service.get("JobType/$count").query(), 0);
    },
  };
}

await { "@odata/client": lightOData, "o.js": oJs }[client]()[scenario]();
