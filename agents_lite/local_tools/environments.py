"""Where the commands of a `ShellTool` run, in the shapes of the Responses API.

Source: https://platform.openai.com/docs/guides/tools-shell
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias

from typing_extensions import TypedDict


class ShellToolLocalSkill(TypedDict):
    """Instructions and scripts in a folder of this machine, which the model is told of."""

    name: str
    description: str
    path: str
    """The folder."""


class ShellToolLocalEnvironment(TypedDict):
    """This machine."""

    type: Literal["local"]
    skills: NotRequired[list[ShellToolLocalSkill]]


class ShellToolSkillReference(TypedDict):
    """A skill that was uploaded to the model's server."""

    type: Literal["skill_reference"]
    skill_id: str
    version: NotRequired[str]


class ShellToolInlineSkillSource(TypedDict):
    """What a skill is made of."""

    type: Literal["base64"]
    media_type: Literal["application/zip"]
    data: str


class ShellToolInlineSkill(TypedDict):
    """A skill that is sent along."""

    type: Literal["inline"]
    name: str
    description: str
    source: ShellToolInlineSkillSource


class ShellToolContainerNetworkPolicyDomainSecret(TypedDict):
    """A secret that requests to one domain are given."""

    domain: str
    name: str
    value: str


class ShellToolContainerNetworkPolicyAllowlist(TypedDict):
    """Only these domains can be reached."""

    type: Literal["allowlist"]
    allowed_domains: list[str]
    domain_secrets: NotRequired[list[ShellToolContainerNetworkPolicyDomainSecret]]


class ShellToolContainerNetworkPolicyDisabled(TypedDict):
    """Nothing can be reached."""

    type: Literal["disabled"]


ShellToolContainerSkill: TypeAlias = ShellToolSkillReference | ShellToolInlineSkill
ShellToolContainerNetworkPolicy: TypeAlias = (
    ShellToolContainerNetworkPolicyAllowlist | ShellToolContainerNetworkPolicyDisabled
)


class ShellToolContainerAutoEnvironment(TypedDict):
    """A new container at the model's server."""

    type: Literal["container_auto"]
    file_ids: NotRequired[list[str]]
    memory_limit: NotRequired[Literal["1g", "4g", "16g", "64g"] | None]
    network_policy: NotRequired[ShellToolContainerNetworkPolicy]
    skills: NotRequired[list[ShellToolContainerSkill]]


class ShellToolContainerReferenceEnvironment(TypedDict):
    """A container that is there already."""

    type: Literal["container_reference"]
    container_id: str


ShellToolHostedEnvironment: TypeAlias = (
    ShellToolContainerAutoEnvironment | ShellToolContainerReferenceEnvironment
)
ShellToolEnvironment: TypeAlias = ShellToolLocalEnvironment | ShellToolHostedEnvironment
