package authzen

import rego.v1

default allow := false

allow if {
	input.action.name in {"view", "edit", "delete"}
	record.owner == user.id
}

allow if {
	input.action.name in {"view", "edit"}
	user.role == "manager"
	user.department == record.department
}

allow if {
	input.action.name == "view"
	user.department == record.department
}

allow if {
	input.action.name == "view"
	user.role == "manager"
}

user := found if {
	some found in data.users
	found.id == input.subject.id
}

record := found if {
	some found in data.records
	sprintf("%v", [found.id]) == input.resource.id
}

subjects := [{"type": "user", "id": one.id} | some one in data.users]

resources := [{"type": "record", "id": sprintf("%v", [one.id])} | some one in data.records]

actions := [{"name": name} | some name in ["view", "edit", "delete"]]
