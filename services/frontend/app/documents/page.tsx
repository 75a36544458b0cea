import { Documents } from "@/components/documents";

export default function Page() {
  return <Documents />;
}
