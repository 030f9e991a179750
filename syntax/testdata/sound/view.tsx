import React from "react";

type Props = { name: string; on?: () => void };

// Shows a name.
export function View({ name, on }: Props): JSX.Element {
  return <button onClick={on}>{name} {"}"}</button>;
}

export const Other: React.FC<Props> = (props) => {
  return <><View {...props} /></>;
};
