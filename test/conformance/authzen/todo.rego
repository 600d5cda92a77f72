package authzen

import rego.v1

default allow := false

allow if input.action.name in {"can_read_user", "can_read_todos"}

allow if {
	input.action.name == "can_create_todo"
	some role in {"admin", "editor"}
	role in user.roles
}

allow if {
	input.action.name == "can_update_todo"
	"evil_genius" in user.roles
}

allow if {
	input.action.name == "can_delete_todo"
	"admin" in user.roles
}

allow if {
	input.action.name in {"can_update_todo", "can_delete_todo"}
	"editor" in user.roles
	owner == user.email
}

user := found if {
	some found in data.users
	input.subject.id in {found.subject_id, found.email}
}

owner := input.resource.properties.ownerID

# The older forms of the request have the owner beside the properties.
owner := input.resource.ownerID
