export function View() {
  return <div><span>{name}</div>;
}
