#!/bin/bash
# The plugin refuses what README.md forbids, naming entity and member, and takes the edge of each limit.
# usage: plugin_test.sh PLUGIN IMPORT_ROOT
set -euo pipefail
plugin=$PWD/$1
root=$PWD/$2
work=$(mktemp -d "${TEST_TMPDIR:-/tmp}/plugin.XXXXXX")
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# run NAME BODY: protoc with the plugin on one file that holds BODY; its output in $work/log.
run() {
  rm -rf "$work/out"
  mkdir -p "$work/out" "$work/t"
  {
    printf 'syntax = "proto3";\npackage t;\nimport "jobgate/v1/options.proto";\nimport "google/protobuf/timestamp.proto";\n'
    printf '%s\n' "$2"
  } > "$work/t/case.proto"
  protoc -I"$work" -I"$root" -I/usr/include --plugin=protoc-gen-jobgate="$plugin" --jobgate_out="$work/out" \
    t/case.proto jobgate/v1/options.proto > "$work/log" 2>&1
}

report() {
  if [ "$2" = ok ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $1: $2"
    cat "$work/log"
  fi
}

# refuses NAME BODY TEXT: the run fails, and TEXT is in what protoc prints.
refuses() {
  if run "$1" "$2"; then
    report "$1" "was accepted"
  elif grep -qF -- "$3" "$work/log"; then
    report "$1" ok
  else
    report "$1" "lacks \"$3\""
  fi
}

# accepts NAME BODY FILE PATTERN: the run succeeds, and a line of FILE matches PATTERN.
accepts() {
  if ! run "$1" "$2"; then
    report "$1" "was refused"
  elif grep -qE -- "$4" "$work/out/$3"; then
    report "$1" ok
  else
    cp "$work/out/$3" "$work/log"
    report "$1" "no line matches $4"
  fi
}

# Messages that are entities, with these members.
skill() { printf 'message Skill {\n option (jobgate.v1.entity) = {name: "skill", entity_set: "Skill", kind: ENTITY_KIND_SKILL};\n%s\n}\n' "$1"; }
user() { printf 'message User {\n option (jobgate.v1.entity) = {name: "user", kind: ENTITY_KIND_USER};\n%s\n}\n' "$1"; }
strings() { for i in $(seq "$1"); do echo " string s$i = $i;"; done; }

guid='(jobgate.v1.member) = {type: MEMBER_TYPE_GUID'
key=' string code = 90 [(jobgate.v1.member) = {lookup_key: true}];'

accepts plain "$(user ' string first_name = 1 [json_name = "first_name"];')" members.h 'JG_USER_FIRST_NAME = 0,'
accepts json_name "$(user ' string a = 1 [json_name = "_a"];')" schema_tables.c 'json_key = \{"\\"_a\\":", 5\}'
accepts no_entity 'message Plain { string a = 1; }' members.h '#endif'
accepts joined_comment "$(user ' // One "line"
 //   and \another?
 //
 // one.
 string a = 1;')" schema_tables.c '"One \\"line\\" and \\\\another\\077 one\.", 29'
accepts trailing_comment "$(user ' string a = 1;  // not a description')" schema_tables.c 'doc = \{"", 0\}'
accepts grpc_only "$(user ' string a = 99; int64 b = 100;')" members.h 'JG_USER_MEMBER_COUNT = 1'
refuses below_grpc_only "$(user ' string a = 98; int64 b = 99;')" 't.User.b: a member is a string, int32'
accepts members_max "$(user "$(strings 64)")" members.h 'JG_USER_MEMBER_COUNT = 64'
refuses too_many_members "$(user "$(strings 65)")" 't.User.s65: the entity has more members'
refuses no_members "$(user ' int64 a = 100;')" 't.User: it has no members'
refuses order "$(user ' string a = 2; string b = 1;')" 't.User.b: field numbers grow'
refuses upper_case "$(user ' string a = 1 [json_name = "aB"];')" 't.User.a: names consist of'
refuses camel_case "$(user ' string a_b = 1;')" 't.User.a_b: names consist of'
refuses same_json_name "$(user ' string a = 1; string b = 2 [json_name = "a"];')" 'json_name'
refuses kind_taken "$(user ' string a = 1;') $(user ' string a = 1;' | sed 's/message User/message Other/')" \
  't.Other: its kind is taken'
refuses no_kind 'message A { option (jobgate.v1.entity) = {name: "a"}; string a = 1; }' 't.A: its kind is not'
refuses bytes "$(user ' bytes a = 1;')" 't.User.a: a member is a string, int32'
refuses enum_member "$(user ' jobgate.v1.EntityKind a = 1;')" 't.User.a: a member is a string, int32'
refuses string_list "$(user ' repeated string a = 1;')" 't.User.a: only entities come in lists'
refuses date_list "$(user ' repeated google.protobuf.Timestamp a = 1;')" 't.User.a: only entities come in lists'
refuses oneof_member "$(user ' oneof x { string a = 1; }')" 't.User.a: a member has implicit presence'
refuses double_without_option "$(user ' double a = 1;')" "t.User.a: the option's type does not fit"
accepts decimal "$(user ' double a = 1 [(jobgate.v1.member) = {type: MEMBER_TYPE_DECIMAL}];')" schema_tables.c 'JG_TYPE_DECIMAL'
refuses guid_of_int32 "$(user " int32 a = 1 [$guid}];")" "t.User.a: the option's type does not fit"
refuses length_of_guid "$(user " string a = 1 [$guid, max_length: 5}];")" 't.User.a: max_length is for strings'
refuses negative_length "$(user ' string a = 1 [(jobgate.v1.member) = {max_length: -1}];')" 't.User.a: max_length is for strings'
accepts length "$(user ' string a = 1 [(jobgate.v1.member) = {max_length: 2147483647}];')" schema_tables.c 'max_utf16 = 2147483647'
refuses required_bool "$(user ' bool a = 1 [(jobgate.v1.member) = {required: true}];')" 't.User.a: required is for strings'
refuses date_only_string "$(user ' string a = 1 [(jobgate.v1.member) = {date_only: true}];')" 't.User.a: date_only is for dates'
refuses two_keys "$(user "$key"' string b = 91 [(jobgate.v1.member) = {lookup_key: true}];')" 't.User.b: an entity has one lookup_key'
refuses guid_key "$(user " string a = 1 [$guid, lookup_key: true}];")" 't.User.a: lookup_key is for strings'
refuses foreign_message "$(user ' Plain a = 1;') message Plain { string b = 1; }" 't.User.a: its message has no option'
refuses entity_column "$(skill "$key") $(user ' Skill skill = 1 [(jobgate.v1.member) = {column: true}];')" 't.User.skill: a column holds'

relation='relation: "skill"}]'
accepts relation "$(skill "$key") $(user " string skill_id = 1 [json_name = \"skill_id\", $guid, $relation; string skill_code = 2 [json_name = \"skill_code\", (jobgate.v1.member) = {$relation; Skill skill = 3;")" \
  schema_tables.c 'target = JG_KIND_SKILL, .id_member = 0, .key_member = 1, .node_member = 2'
accepts relation_by_name "$(skill "$key") $(user " string skill_id = 1 [json_name = \"skill_id\", $guid, $relation;")" \
  schema_tables.c 'target = JG_KIND_SKILL, .id_member = 0, .key_member = JG_NO_INDEX, .node_member = JG_NO_INDEX'
refuses relation_without_id "$(skill "$key") $(user " string skill_code = 2 [json_name = \"skill_code\", (jobgate.v1.member) = {$relation;")" 't.User.skill: the relation has no id'
refuses relation_two_ids "$(skill "$key") $(user " string a = 1 [$guid, $relation; string b = 2 [$guid, $relation;")" 't.User.b: a relation has one id'
refuses relation_of_int32 "$(skill "$key") $(user " int32 a = 1 [(jobgate.v1.member) = {$relation;")" 't.User.a: a relation has one id'
refuses relation_on_node "$(skill "$key") $(user " string a = 1 [$guid, $relation; Skill skill = 2 [(jobgate.v1.member) = {$relation;")" 't.User.skill: a relation has one id'
refuses relation_to_nothing "$(user " string skill_id = 1 [json_name = \"skill_id\", $guid, $relation;")" 't.User.skill: the relation leads to no entity'
refuses relation_without_key "$(skill ' string id = 1;') $(user " string skill_id = 1 [json_name = \"skill_id\", $guid, $relation;")" 't.User.skill: the relation leads to no entity'

# Bytes that are no request.
if printf '\xff\xff' | "$plugin" > /dev/null 2> "$work/log"; then
  report garbage "was accepted"
else
  report garbage ok
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
