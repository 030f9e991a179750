defmodule BitActor.Security.Roles do
  @moduledoc """
  Who may do what: a table, and whatever is not in it is denied.
  """

  @roles [:viewer, :operator, :admin]

  # action => the roles that may
  @allowed %{
    read_status: [:viewer, :operator, :admin],
    read_audit: [:operator, :admin],
    reload_secrets: [:admin]
  }

  @doc "All roles."
  @spec all() :: [atom]
  def all, do: @roles

  @doc "All actions that anybody may do at all."
  @spec actions() :: [atom]
  def actions, do: Map.keys(@allowed)

  @doc "Whether one of `roles` may do `action`. False for every action that is not in the table."
  @spec allowed?([atom], atom) :: boolean
  def allowed?(roles, action) do
    allowed = Map.get(@allowed, action, [])
    Enum.any?(roles, &(&1 in allowed))
  end
end
