package authzen

import rego.v1

default allow := false

allow if roles == "everyone"

allow if {
	some user in data.users
	input.subject.id in {user.subject_id, user.email}
	some role in roles
	role in user.roles
}

roles := data.routes[sprintf("%s %s", [input.action.name, input.resource.id])]
